"""What the alarms of the expanded template do, by CloudWatch's rules."""

import re

from cloudformation import of_type

COMPARISONS = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
}
STATISTICS = {"Sum": sum, "Maximum": max, "Minimum": min}


class Series(list):
    """Values of a metric, one a period; None where CloudWatch has none."""

    def combined(self, other, operation):
        others = other if isinstance(other, Series) else [other] * len(self)
        return Series(None if one is None or two is None else operation(one, two)
                      for one, two in zip(self, others))

    def __add__(self, other):
        return self.combined(other, lambda one, two: one + two)

    def __sub__(self, other):
        return self.combined(other, lambda one, two: one - two)

    def __rmul__(self, factor):
        return self.combined(factor, lambda one, two: one * two)

    def __truediv__(self, other):
        return self.combined(other, lambda one, two: one / two if two else None)


def fill(series, value):
    return Series(value if one is None else one for one in series)


def diff(series):
    return Series([None, *(None if None in pair else pair[1] - pair[0]
                           for pair in zip(series, series[1:]))])


def maximum(series):
    return Series(map(max, zip(*series)))


def periods(values, statistic, seconds, count):
    """Returns the last `count` periods of values that are one a minute."""
    minutes = seconds // 60
    result = Series()
    for index in range(count):
        end = len(values) - (count - 1 - index) * minutes
        known = [value for value in values[max(0, end - minutes):max(0, end)] if value is not None]
        result.append(STATISTICS[statistic](known) if known else None)
    return result


def datapoints(alarm, metrics, count):
    """Returns the last values that the alarm compares."""
    def read(name, statistic, seconds):
        return periods(metrics.get(name, []), statistic, seconds, count)

    if "MetricName" in alarm:
        return read(alarm["MetricName"], alarm["Statistic"], int(alarm["Period"]))
    named, expression = {"FILL": fill, "DIFF": diff, "MAX": maximum}, None
    for query in alarm["Metrics"]:
        if "Expression" in query:
            expression = query["Expression"]
        else:
            stat = query["MetricStat"]
            dimensions = str(stat["Metric"]["Dimensions"])
            name = stat["Metric"]["MetricName"]
            queue = re.search(r"'(\w+)', 'QueueName'", dimensions)
            named[query["Id"]] = read(f"{queue[1]}.{name}" if queue else name, stat["Stat"],
                                      int(stat["Period"]))
    return eval(expression, {"__builtins__": {}}, named)


def is_in_alarm(alarm, metrics):
    """Whether the alarm is on at the end of these metrics."""
    count = int(alarm["EvaluationPeriods"])
    # DIFF needs the value before the first.
    values = datapoints(alarm, metrics, count + 1)[1:]
    compare = COMPARISONS[alarm["ComparisonOperator"]]
    missing = alarm["TreatMissingData"] == "breaching"
    breaching = [missing if value is None else compare(value, float(alarm["Threshold"]))
                 for value in values]
    return sum(breaching) >= int(alarm.get("DatapointsToAlarm", count))


def alarms_on(resources, metrics, minutes):
    """Returns the names of the alarms that are on after so many minutes of these metrics.

    Without those that compare percentiles, which a value a minute cannot show.
    """
    so_far = {name: values[:minutes] for name, values in metrics.items()}
    alarms = of_type(resources, "AWS::CloudWatch::Alarm").values()
    return {alarm["AlarmName"] for alarm in alarms
            if has_simple_statistics(alarm) and is_in_alarm(alarm, so_far)}


def has_simple_statistics(alarm):
    return all(query["MetricStat"]["Stat"] in STATISTICS for query in alarm.get("Metrics", [])
               if "MetricStat" in query)
