"""The table printed after a training: every model side by side."""

HEADINGS = {
    "hr@10": "HR@10", "ndcg@10": "NDCG@10", "mrr": "MRR", "precision@10": "prec@10",
    "recall@10": "recall@10", "f1@10": "F1@10", "auc": "AUC", "accuracy": "accuracy",
    "rmse": "RMSE",
}  # fmt: skip
COLUMN = 11  # characters


def table(rows, users, items, split, exclude_seen=True):
    """Lines of text. rows: {model: {metric: value}}, best first if you like."""
    width = max(map(len, rows))
    seen = "seen ones excluded" if exclude_seen else "seen ones included"
    held_out = {
        "last": "each user's last event held out",
        "time": "each user's first event after one point in time",
        "other": "each user's last event in the file",
    }[split]
    lines = [f"{users:,} users, {held_out}; all {items:,} items ranked, {seen}", ""]
    lines.append(" " * width + "".join(heading.rjust(COLUMN) for heading in HEADINGS.values()))
    for model, metrics in rows.items():
        cells = "".join(f"{metrics[name]:{COLUMN}.4f}" for name in HEADINGS)
        lines.append(model.ljust(width) + cells)
    return "\n".join(lines)
