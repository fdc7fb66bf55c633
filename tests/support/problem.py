"""What every refusal looks like."""

INSIDE = ("kafka", "librdkafka", "mongo", "postgres", "redis", "civetweb", "jansson", "upstream",
          "127.0.0.1", ".c:", "nginx")


def assert_problem(answer, status, words=()):
    """A problem document with this status that helps, and tells nothing of the inside."""
    assert answer.status == status, answer
    assert answer.header("Content-Type") == "application/problem+json", answer
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"] and problem["title"], problem
    assert len(problem["detail"]) >= 10, problem
    text = answer.body.decode().lower()
    for word in words:
        assert word.lower() in text, (word, problem)
    for inside in INSIDE:
        assert inside not in text, f"leaks {inside}: {text}"
    return problem


def assert_named(answer, status, field):
    """The same, and it names this one member, parameter or header."""
    problem = assert_problem(answer, status)
    fields = [error["field"] for error in problem["errors"]]
    assert fields == [field], problem
    return problem
