"""What people read: report page, model card, comparisons and figures, made from the numbers."""
