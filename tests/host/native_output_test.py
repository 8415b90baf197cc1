import os
import subprocess
import sys
import threading
import time

from trash_keras.host import native_output


def test_notes_are_left_out_and_all_else_is_written(capfd):
    with native_output.without_notes():
        os.write(2, b"INFO: Created a delegate.\nWARNING: slow\n")
    assert capfd.readouterr().err == "WARNING: slow\n"


def test_what_was_written_before_an_error_is_kept(capfd):
    try:
        with native_output.without_notes():
            os.write(2, b"INFO: Created a delegate.\nERROR: no such operation\n")
            raise ValueError
    except ValueError:
        pass
    assert capfd.readouterr().err == "ERROR: no such operation\n"


def test_threads_that_overlap_give_standard_error_back(capfd):
    def hold(seconds):
        with native_output.without_notes():
            os.write(2, b"INFO: note\n")
            time.sleep(seconds)

    threads = [threading.Thread(target=hold, args=(seconds,)) for seconds in (0.2, 0.05, 0.1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"later\n")
    assert capfd.readouterr().err == "later\n"


def test_a_closed_standard_error_is_no_error():
    code = (
        "import os\nos.close(2)\nfrom trash_keras.host import native_output\n"
        "with native_output.without_notes(): print('done')"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert (done.returncode, done.stdout) == (0, "done\n")
