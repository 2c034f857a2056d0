"""From recorded segments to a better policy: data sets, training, closed-loop evaluation, reports."""
