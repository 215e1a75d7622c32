"""Progress: what a candidate's own rows say of readiness, mastery, memory and effort."""

from app.progress.outcome import Tally
from app.progress.report import Report, study
from app.progress.tallies import Progress, measure

__all__ = ["Progress", "Report", "Tally", "measure", "study"]
