"""The maths: activations, losses, initial weights, layers, relaxation and optimizers. Knows no learning rule."""
