"""Panel pages and helpers of Voila dashboards; none yet."""
