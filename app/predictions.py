"""Predictions: what a learner expected of a lab's run, and what the run bore out."""

from sqlmodel import Session, col, desc, select

from app.tables import LabPrediction


def predict(
    session: Session, learner_id: int, lab: str, address: str, choice: int, outcome: int
) -> LabPrediction:
    """Keep what a learner expected of a lab's run, with what the run bore out."""
    prediction = LabPrediction(
        learner_id=learner_id, lab=lab, address=address, choice=choice, outcome=outcome
    )
    session.add(prediction)
    session.commit()
    session.refresh(prediction)
    return prediction


def of(session: Session, learner_id: int) -> list[LabPrediction]:
    """The learner's predictions, newest first."""
    query = select(LabPrediction).where(LabPrediction.learner_id == learner_id)
    return list(session.exec(query.order_by(desc(col(LabPrediction.created_at)))))
