c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "tinyrec"
c.ExecutePreprocessor.timeout = 300  # seconds a cell; the last one trains a recommender
