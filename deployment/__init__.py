"""Deploying to AWS: what the playbooks' own actions are made of. Ansible says what is wanted, this brings it about."""
