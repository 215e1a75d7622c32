"""Stories of one's own projects: written, saved as they are typed, told as talks."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from pydantic import AfterValidator, ValidationError
from starlette.responses import JSONResponse, RedirectResponse, Response

from app import stories
from app.db import SessionDep
from app.drafts import as_typed
from app.errors import sentence
from app.routes.depends import LearnerDep, SentDep, page
from app.stories import StoryForm
from app.tables import RowId, Story

router = APIRouter(include_in_schema=False)


def _story(story_id: RowId, session: SessionDep, learner: LearnerDep) -> Story:
    story = stories.find(session, learner, story_id)
    if story is None:
        raise HTTPException(404, "There is no story at this address.")
    return story


StoryDep = Annotated[Story, Depends(_story)]


@router.get("/stories")
def index(request: Request, session: SessionDep, learner: LearnerDep) -> Response:
    return page(request, "stories/index.html", stories=stories.told(session, learner))


@router.post("/stories")
def begin(
    session: SessionDep,
    learner: LearnerDep,
    title: Annotated[str, Form(max_length=200), AfterValidator(as_typed)] = "",
) -> Response:
    story = stories.begin(session, learner, title)
    return RedirectResponse(f"/stories/{story.id}", 303)


@router.get("/stories/{story_id}")
def show(request: Request, story: StoryDep) -> Response:
    return _form(request, story, story.model_dump())


@router.post("/stories/{story_id}")
def save_form(request: Request, story: StoryDep, session: SessionDep, given: SentDep) -> Response:
    """The form's way in: whatever is wrong with it, the page comes back with the text in it."""
    typed = story.model_dump() | dict.fromkeys((name for name, *_ in stories.PARTS), "") | given
    try:
        stories.save(session, story, StoryForm.model_validate(given))
    except ValidationError as error:
        return _form(request, story, typed, sentence(error.errors()), 422)
    except stories.Conflict:
        fault = "The story was changed in another tab. Your text is below; saving again keeps it."
        return _form(request, story, typed, fault, 409)
    return RedirectResponse(f"/stories/{story.id}", 303)


@router.put("/api/stories/{story_id}")
def save(story: StoryDep, form: StoryForm, session: SessionDep) -> Response:
    """Keep a story as it is typed. 409 where another tab saved in between."""
    try:
        kept = stories.save(session, story, form)
    except stories.Conflict:
        detail = "The story was changed in another tab. What you see here is untouched."
        return JSONResponse({"detail": detail, "revision": story.revision}, 409)
    return JSONResponse({"revision": kept.revision})


@router.post("/stories/{story_id}/delete")
def delete(
    request: Request, story: StoryDep, session: SessionDep, sure: Annotated[str, Form()] = ""
) -> Response:
    """Asked twice: the first time shows what would go."""
    if sure != "yes":
        return page(request, "stories/delete.html", story=story)
    stories.delete(session, story)
    return RedirectResponse("/stories", 303)


def _form(
    request: Request,
    story: Story,
    typed: dict[str, Any],
    fault: str = "",
    status_code: int = 200,
) -> Response:
    return page(
        request,
        "stories/show.html",
        status_code=status_code,
        story=story,
        typed=typed,
        parts=stories.PARTS,
        fault=fault,
    )
