"""What `ansible-playbook` shows: Ansible's default output, with messages as text instead of quoted data."""

from __future__ import annotations

from ansible import constants
from ansible.executor.task_result import CallbackTaskResult
from ansible.playbook.included_file import IncludedFile
from ansible.playbook.play import Play
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.callback.default import CallbackModule as DefaultCallback

DOCUMENTATION = """
name: windsock
type: stdout
short_description: the default output, with messages as text
description:
  - As P(ansible.builtin.default#callback), with these differences.
  - The message of a C(debug), C(assert) or C(fail) is shown as it is, not as quoted data.
  - A retry shows how far the load is that the API has reported, and nothing else.
  - A play of another place than the inventory's is not shown at all, and neither is the inclusion of a file.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
"""

SAYING = {"ansible.builtin.assert", "ansible.builtin.debug", "ansible.builtin.fail"}


class CallbackModule(DefaultCallback):
    """The plugin: Ansible finds it by this name."""

    CALLBACK_NAME = "windsock"

    def __init__(self) -> None:
        super().__init__()
        self._shown_progress = ""
        self._play_to_show: Play | None = None

    def v2_playbook_on_play_start(self, play: Play) -> None:
        """Keep the play's headline until a task of it runs: it may have no hosts here."""
        self._play = play
        self._play_to_show = play

    def v2_playbook_on_no_hosts_matched(self) -> None:
        """Say nothing: the play is another place's."""

    def _task_start(self, task: object, prefix: str | None = None) -> None:
        if self._play_to_show:
            super().v2_playbook_on_play_start(self._play_to_show)
            self._play_to_show = None
        super()._task_start(task, prefix)

    def v2_playbook_on_include(self, included_file: IncludedFile) -> None:
        """Say that a file of tasks was included only where single tasks are shown."""
        if self.get_option("display_ok_hosts"):
            super().v2_playbook_on_include(included_file)

    def v2_runner_on_ok(self, result: CallbackTaskResult) -> None:
        """Show the message of a `debug` as text."""
        if isinstance(result.task, TaskInclude) and not self.get_option("display_ok_hosts"):
            return
        message = _message(result)
        if message is None or result.task.resolved_action != "ansible.builtin.debug":
            super().v2_runner_on_ok(result)
            return
        self._print_task_banner(result.task)
        self._display.display(message, color=constants.COLOR_OK)

    def v2_runner_on_failed(self, result: CallbackTaskResult, ignore_errors: bool = False) -> None:
        """Show the message of a failed `assert` or a `fail` as text."""
        message = _message(result)
        if message is None or ignore_errors or result.task.loop:
            super().v2_runner_on_failed(result, ignore_errors)
            return
        if self._last_task_banner != result.task._uuid:  # noqa: SLF001 - as the base class does
            self._print_task_banner(result.task)
        self._display.display(message, color=constants.COLOR_ERROR, stderr=self.get_option("display_failed_stderr"))

    def v2_runner_retry(self, result: CallbackTaskResult) -> None:
        """Show how far a load is, when that is news; what else is tried again is shown when it fails in the end."""
        for load in (result.result.get("json") or {}).get("data", []):
            found = "?" if load["files_found"] is None else load["files_found"]
            done = load["files_loaded"] + load["files_failed"] + (load["files_unchanged"] or 0)
            progress = f"  {done} of {found} files, {load['rows_inserted']:,} new station-days"
            if progress != self._shown_progress:
                self._shown_progress = progress
                self._display.display(progress, color=constants.COLOR_VERBOSE)


def _message(result: CallbackTaskResult) -> str | None:
    message = result.result.get("msg")
    if result.task.resolved_action not in SAYING or not isinstance(message, str | list):
        return None
    return message if isinstance(message, str) else "\n".join(str(line) for line in message)
