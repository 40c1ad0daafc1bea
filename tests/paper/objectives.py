"""The training objectives of arXiv 2602.02343 as functions of mean losses, after sections 3.1 and 4.1 of its published code.

A loss is the mean cross-entropy over the target tokens of a minibatch, all its answers pooled, so a long answer weighs more.
"""

import torch


def pooled_loss(logits, targets):
    """Mean cross-entropy in nats of `logits` [tokens, vocabulary] against `targets` [tokens], log-softmax in fp32."""
    return torch.nn.functional.cross_entropy(logits.float(), targets)


def sft_loss(winning):
    """Supervised fine-tuning: the winning answers alone."""
    return winning


def split_loss(winning, losing, lambda_p=1.0, lambda_n=0.5, gamma=5.0, theta=0.4):
    """SPLIT: both answers kept likely (utility), and the winning one ahead by `theta` nats per token (preference)."""
    return lambda_p * winning + lambda_n * losing + gamma * torch.relu(theta - (losing - winning))
