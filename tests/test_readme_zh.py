"""The Chinese README says the same as the English one: same commands, figures, links, tables."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENGLISH = (ROOT / "README.md").read_text("utf-8").replace("[中文](README.zh-CN.md)", "")
WHOLE = (ROOT / "README.zh-CN.md").read_text("utf-8").replace("[English](README.md)", "")
OWN = "目前只有"  # begins the paragraph that says what is in Chinese, which the English one lacks
CHINESE = re.sub(f"(?m)^{OWN}.*$", "", WHOLE)


def both(pattern):
    return sorted(re.findall(pattern, ENGLISH)), sorted(re.findall(pattern, CHINESE))


def test_both_have_the_same_code_and_output_blocks():
    english, chinese = both(r"(?ms)^```.*?^```|^    \S[^\n]*")
    assert len(english) >= 8
    assert english == chinese


def test_both_have_the_same_figures():
    figures = r"(?<![\w.])\d*\.\d+|\d+,\d{3}(?:,\d{3})*|\d+ (?:s|%|GFLOP/s)(?!\w)"
    english, chinese = both(figures)
    assert len(english) > 40
    assert english == chinese


def test_both_have_the_same_links_and_commands():
    english, chinese = both(r"\]\(([^)]+)\)|`([^`\n]+)`")
    assert english == chinese


def test_both_have_the_same_headings_and_rows():
    english, chinese = both(r"(?m)^(#+|\|)")
    assert english == chinese


def test_it_says_what_is_english_and_how_to_get_chinese():
    own = re.search(f"(?m)^{OWN}.*$", WHOLE)[0]
    assert "`--language zh`" in own and "笔记本" in own and "英文" in own
