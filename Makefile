lock:
	for extra in api worker local dev; do \
	  $(PYTHON) -m uv pip compile pyproject.toml --extra $$extra --universal --python-version 3.11 --generate-hashes --no-header --quiet --output-file requirements/$$extra.txt $(UPGRADE) || exit; done
