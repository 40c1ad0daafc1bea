"""Training objectives, after sections 3.1, 4.1, 4.3 and 4.4 of arXiv 2602.02343 and its published code.

Each takes sums of the log-probabilities of answers' tokens and how many tokens those are, [pairs] each, of the answers that
are to win and of those that are to lose.
"""

import torch


def pooled_loss(log_probs, tokens):
    """Mean loss in nats per token of a minibatch, all its answers pooled, so a long answer weighs more."""
    return -log_probs.sum() / tokens.sum()


def sft_loss(winning):
    """Supervised fine-tuning: the pooled loss of the winning answers alone."""
    return winning


def split_loss(winning, losing, lambda_p=1.0, lambda_n=0.5, gamma=5.0, theta=0.4):
    """SPLIT, of pooled losses: both answers kept likely (utility), the winning one ahead by `theta` nats a token (preference)."""
    return lambda_p * winning + lambda_n * losing + gamma * torch.relu(theta - (losing - winning))


def reps_loss(winning, losing, winning_tokens, losing_tokens, plain_winning, plain_losing, beta=1.0, kappa=1.0):
    """RePS: answer lengths, not those of prompt and answer; the winner weighs more, the less likely the plain model finds it."""
    weight = torch.clamp(kappa * (plain_losing - plain_winning), min=1.0)
    margin = weight / winning_tokens * winning - losing / losing_tokens
    return -torch.nn.functional.logsigmoid(beta * margin).mean()


def dpo_loss(winning, losing, plain_winning, plain_losing, beta=0.1):
    """DPO against the plain model."""
    return -torch.nn.functional.logsigmoid(beta * (winning - losing - plain_winning + plain_losing)).mean()
