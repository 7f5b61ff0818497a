"""torch: networks become modules (`load`), modules become packs (`save`)."""
