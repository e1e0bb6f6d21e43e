"""Request and response models, from which the OpenAPI document is made; one file for each resource."""

from api.web.schemas.access import Session, SessionRequest
from api.web.schemas.candidates import (
    AncestorList,
    CandidateDetail,
    CandidatePage,
    Candidates,
    CandidateView,
    Export,
    InjectionView,
    Relative,
    TrainingView,
)
from api.web.schemas.catalogue import Catalogue, CatalogueClass, CostView, Formats, FormatView, Health, Presets, Ready
from api.web.schemas.jobs import History, JobPage, JobSummary, JobView, Points, Runners
from api.web.schemas.reports import Finish, Predictions, Rungs, Signals, Workers
from api.web.schemas.requests import CostRequest, InjectionRequest, JobChange, JobRequest

__all__ = [
    "AncestorList",
    "CandidateDetail",
    "CandidatePage",
    "CandidateView",
    "Candidates",
    "Catalogue",
    "CatalogueClass",
    "CostRequest",
    "CostView",
    "Export",
    "Finish",
    "FormatView",
    "Formats",
    "Health",
    "History",
    "InjectionRequest",
    "InjectionView",
    "JobChange",
    "JobPage",
    "JobRequest",
    "JobSummary",
    "JobView",
    "Points",
    "Predictions",
    "Presets",
    "Ready",
    "Relative",
    "Rungs",
    "Runners",
    "Session",
    "SessionRequest",
    "Signals",
    "TrainingView",
    "Workers",
]
