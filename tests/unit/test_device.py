"""Facts and conditions of a device, read from trees such as a Pi, a Jetson and a PC have."""

import os

import pytest

from edge_fer.bench.device import conditions, device_facts, throttle_names

PI_CPUINFO = """processor	: 0
BogoMIPS	: 108.00
Features	: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp asimddp
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x4
CPU part	: 0xd0b
CPU revision	: 1
"""
JETSON_CPUINFO = PI_CPUINFO.replace("0xd0b", "0xd42")
PC_CPUINFO = """processor	: 0
vendor_id	: GenuineIntel
model name	: Intel(R) N100
flags		: fpu sse4_2 avx2 fma avx_vnni
"""
STAT = "cpu  1000 100 300 50000 20 0 100 50 0 0\ncpu0 1000 100 300 50000 20 0 100 50 0 0\n"


def plant(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


@pytest.fixture
def pi(tmp_path):
    return plant(
        tmp_path,
        {
            "proc/cpuinfo": PI_CPUINFO,
            "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
            "proc/meminfo": "MemTotal:        8245488 kB\nMemFree: 1 kB\n",
            "proc/loadavg": "0.42 0.30 0.20 1/200 4711\n",
            "proc/stat": STAT,
            "sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "ondemand\n",
            "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq": "2400000\n",
            "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
            "sys/class/thermal/thermal_zone0/temp": "61750\n",
            "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
        },
    )


@pytest.fixture
def jetson(tmp_path):
    zones = {"CPU-therm": 47500, "GPU-therm": 45000, "PMIC-Die": 100000}
    files = {
        "proc/cpuinfo": JETSON_CPUINFO,
        "proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0",
        "etc/nv_tegra_release": "# R36 (release), REVISION: 3.0\n",
        "var/lib/nvpmodel/status": "pmode:0001 fmode:quiet\n",
        "etc/nvpmodel.conf": "< POWER_MODEL ID=0 NAME=15W >\nCPU_ONLINE CORE_0 1\n"
        "< POWER_MODEL ID=1 NAME=7W >\n",
        "sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "schedutil\n",
        "sys/devices/system/cpu/cpufreq/policy4/scaling_governor": "schedutil\n",
        "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq": "729600\n",
        "sys/devices/system/cpu/cpufreq/policy4/scaling_cur_freq": "1510400\n",
        "sys/class/hwmon/hwmon3/oc1_event_cnt": "0\n",
        "sys/class/hwmon/hwmon3/oc3_event_cnt": "37\n",
    }
    for number, (name, value) in enumerate(zones.items()):
        files[f"sys/class/thermal/thermal_zone{number}/type"] = f"{name}\n"
        files[f"sys/class/thermal/thermal_zone{number}/temp"] = f"{value}\n"
    return plant(tmp_path, files)


def test_a_pi_is_known_by_its_board_core_features_and_governor(pi):
    facts = device_facts(pi)
    assert ("Raspberry Pi 5 Model B Rev 1.0", "Cortex-A76") == (facts["cpu"], facts["core"])
    assert ["neon", "dotprod", "fp16"] == facts["features"]
    assert (8443, "ondemand", None) == (facts["memory_mb"], facts["governor"], facts["power_mode"])


def test_a_pis_temperature_frequency_and_throttling_are_read(pi):
    now = conditions(pi)
    assert (61.8, 2400.0, 0x50005) == (now.cpu_celsius, now.mhz, now.throttled)
    assert 0.42 == now.load
    expected = ["under-voltage", "throttled", "under-voltage earlier", "throttled earlier"]
    assert expected == throttle_names(0x50005)


def test_busy_time_is_all_but_idle_waiting_and_stolen(pi):
    tick = os.sysconf("SC_CLK_TCK")
    now = conditions(pi)
    assert (1500 / tick, 50 / tick) == (now.busy_s, now.steal_s)


def test_without_the_kernels_file_a_pis_own_command_tells_of_throttling(pi):
    (pi / "sys/devices/platform/soc/soc:firmware/get_throttled").unlink()
    assert conditions(pi).throttled is None
    program = pi / "usr/bin/vcgencmd"
    plant(pi, {"usr/bin/vcgencmd": '#!/bin/sh\n[ "$1" = get_throttled ] && echo throttled=0x4\n'})
    program.chmod(0o755)
    assert 0x4 == conditions(pi).throttled
    program.write_text("#!/bin/sh\necho VCHI initialization failed >&2; exit 255\n")
    assert conditions(pi).throttled is None


def test_a_jetsons_power_mode_has_its_name_and_number(jetson):
    facts = device_facts(jetson)
    assert ("7W (1)", "schedutil") == (facts["power_mode"], facts["governor"])
    assert ("Cortex-A78AE", "# R36 (release), REVISION: 3.0") == (facts["core"], facts["l4t"])
    (jetson / "etc/nvpmodel.conf").unlink()
    assert "1" == device_facts(jetson)["power_mode"]


def test_a_jetsons_heat_is_that_of_its_processor_and_its_alarms_are_counted(jetson):
    now = conditions(jetson)
    assert {"CPU-therm": 47.5, "GPU-therm": 45.0, "PMIC-Die": 100.0} == now.celsius
    assert (47.5, 1510.4, 37) == (now.cpu_celsius, now.mhz, now.throttle_events)


def test_a_pc_is_known_by_its_processor_and_counts_its_throttling(tmp_path):
    count = "sys/devices/system/cpu/cpu{}/thermal_throttle/core_throttle_count"
    plant(tmp_path, {"proc/cpuinfo": PC_CPUINFO, count.format(0): "3\n", count.format(1): "4\n"})
    facts = device_facts(tmp_path)
    assert ("Intel(R) N100", ["avx2", "fma", "vnni"]) == (facts["cpu"], facts["features"])
    assert 7 == conditions(tmp_path).throttle_events


def test_what_a_device_does_not_tell_is_none(tmp_path):
    facts, now = device_facts(tmp_path), conditions(tmp_path)
    silent = ("core", "memory_mb", "governor", "power_mode", "l4t")
    assert dict.fromkeys(silent) == {name: facts[name] for name in silent}
    assert ([], {}, None) == (facts["features"], now.celsius, now.cpu_celsius)
    unknown = ("load", "busy_s", "steal_s", "mhz", "throttled", "throttle_events")
    assert dict.fromkeys(unknown) == {name: getattr(now, name) for name in unknown}


def test_a_file_that_holds_something_else_is_as_none(tmp_path):
    plant(
        tmp_path,
        {
            "sys/class/thermal/thermal_zone0/temp": "N/A\n",
            "sys/devices/platform/soc/soc:firmware/get_throttled": "busy\n",
            "proc/stat": "intr 1 2 3\n",
        },
    )
    now = conditions(tmp_path)
    assert ({}, None, None) == (now.celsius, now.throttled, now.busy_s)


def test_this_machine_names_the_libraries_it_runs():
    import cv2
    import dlib
    import onnxruntime

    facts = device_facts()
    assert (cv2.__version__, dlib.__version__) == (facts["opencv"], facts["dlib"])
    assert onnxruntime.__version__ == facts["onnxruntime"]
    assert "CPUExecutionProvider" == facts["provider"]
    assert facts["cores"] >= 1
