"""The rewards of GRPO-PTR (section 3.3): pure functions on one completion or one group, one equation a file."""

from emotionthinker.rewards.accuracy import accuracy_reward
from emotionthinker.rewards.format import format_reward
from emotionthinker.rewards.ptr import ptr_rewards
from emotionthinker.rewards.reasoning import reasoning_reward
from emotionthinker.rewards.schedule import ProgressiveSchedule
from emotionthinker.rewards.trust import trust_weight

__all__ = [
    "ProgressiveSchedule",
    "accuracy_reward",
    "format_reward",
    "ptr_rewards",
    "reasoning_reward",
    "trust_weight",
]
