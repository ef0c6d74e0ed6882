"""The lab over HTTP: routes name a thing, operations do it once, `models` holds the science."""
