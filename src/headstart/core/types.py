"""The words of Headstart as types, in one place for plug-ins. Docs: docs/architecture.md, "Words" and "Contracts"."""

from __future__ import annotations

from headstart.core.card import Card as Card
from headstart.core.card import Head as Head
from headstart.core.card import Source as Source
from headstart.core.choosing import LEAST_TO_CHOOSE as LEAST_TO_CHOOSE
from headstart.core.choosing import Criterion as Criterion
from headstart.core.choosing import Measured as Measured
from headstart.core.choosing import Score as Score
from headstart.core.events import Event as Event
from headstart.core.events import Listener as Listener
from headstart.core.events import Tracker as Tracker
from headstart.core.events import Tracking as Tracking
from headstart.core.events import silent as silent
from headstart.core.input import Input as Input
from headstart.core.input import View as View
from headstart.core.learning import MODEL_PARTS as MODEL_PARTS
from headstart.core.learning import Batch as Batch
from headstart.core.learning import Features as Features
from headstart.core.learning import Loss as Loss
from headstart.core.learning import LossOptions as LossOptions
from headstart.core.learning import ModelPart as ModelPart
from headstart.core.learning import Objective as Objective
from headstart.core.learning import Prefix as Prefix
from headstart.core.learning import PrefixToken as PrefixToken
from headstart.core.learning import Stepper as Stepper
from headstart.core.learning import Stream as Stream
from headstart.core.learning import Update as Update
from headstart.core.metric import Form as Form
from headstart.core.metric import Metric as Metric
from headstart.core.outcome import Calibration as Calibration
from headstart.core.outcome import Colours as Colours
from headstart.core.outcome import Measurements as Measurements
from headstart.core.outcome import Outcomes as Outcomes
from headstart.core.outcome import Wrong as Wrong
from headstart.core.task import TARGET as TARGET
from headstart.core.task import Labels as Labels
from headstart.core.task import Target as Target
from headstart.core.task import Task as Task
from headstart.core.task import kind_of as kind_of
from headstart.core.tuning import Defaults as Defaults
from headstart.core.tuning import ForwardPass as ForwardPass
from headstart.core.tuning import Inserting as Inserting
from headstart.core.tuning import ParamGroup as ParamGroup
from headstart.core.tuning import Strategy as Strategy
from headstart.core.tuning import Tuning as Tuning
