def render(result, names, *rest):
    import json
    return json.dumps(result, indent=1)
