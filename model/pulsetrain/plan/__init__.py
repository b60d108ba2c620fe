"""Plans: from a device and a network to ΔW_th, learning rate, controller settings, and what to expect of them."""

from pulsetrain.plan.files import load_plan, plan_text, save_plan
from pulsetrain.plan.plan import Plan, PlanRequest, make_plan

__all__ = ["Plan", "PlanRequest", "load_plan", "make_plan", "plan_text", "save_plan"]
