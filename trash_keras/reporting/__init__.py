"""Numbers -> what people look at: pages, cards, figures."""
