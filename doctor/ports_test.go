package doctor

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/go-desfire/desfire/pn532"
)

func candidates(list ...string) change { return func(m *machine) { m.candidates = list } }

// there is a device that this user may use.
func there(name string) change {
	return func(m *machine) {
		m.files[inRoot(name)] = &fstest.MapFile{Mode: fs.ModeDevice | fs.ModeCharDevice | 0o660}
	}
}

// ofGroup is a device that only a group may use, in which this user is not.
func ofGroup(name, group string) change {
	return func(m *machine) {
		there(name)(m)
		m.groups[name], m.denied[name] = group, true
	}
}

// answers lets the chip at an address answer, or fail.
func answers(address string, err error) change { return func(m *machine) { m.probe[address] = err } }

func fault(address string, p pn532.Problem) change {
	return answers(address, &pn532.LineError{Address: address, Problem: p})
}

// agentSays lets systemd say of the agent's service what it sees.
func agentSays(lines string) change {
	return func(m *machine) {
		m.files["usr/lib/systemd/system/desfire-agent.service"] = text("[Service]\n")
		m.run["systemctl "+strings.Join(agentShow, " ")] = printed{lines, nil}
	}
}

// hidden is a file that cannot be read.
func hidden(name string) change {
	return func(m *machine) { m.files[name] = &fstest.MapFile{Mode: fs.ModeDir} }
}

const (
	agentRuns = "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n"
	noDevices = agentRuns + "DevicePolicy=auto\nDeviceAllow=char-rtc r\nPrivateDevices=yes\n"
	onlyTTY   = agentRuns + "DevicePolicy=closed\nDeviceAllow=char-rtc r\nDeviceAllow=char-tty[UA]* rw\nPrivateDevices=no\n"
)

// A service that may use the device is no cause, nor one that nobody wants.
func TestAgentMayUse(t *testing.T) {
	const usb = "/dev/ttyUSB0"
	pn532Flags := file("etc/desfire/agent.env", "FLAGS=--reader pn532\n")
	for name, c := range map[string]struct {
		at      string
		machine *machine
	}{
		"by class":      {usb, debian(there(usb), answers(usb, nil), pn532Flags, agentSays(onlyTTY))},
		"by link":       {"/dev/serial0", debian(there("/dev/ttyAMA0"), linked("/dev/serial0", "ttyAMA0"), answers("/dev/serial0", nil), pn532Flags, agentSays(onlyTTY))},
		"by path":       {"i2c1", debian(there("/dev/i2c-1"), answers("i2c1", nil), pn532Flags, agentSays(agentRuns+"DevicePolicy=closed\nDeviceAllow=/dev/i2c-1 rw\nPrivateDevices=no\n"))},
		"all":           {usb, debian(there(usb), answers(usb, nil), pn532Flags, agentSays(agentRuns+"DevicePolicy=auto\nDeviceAllow=\nPrivateDevices=no\n"))},
		"only PC/SC":    {usb, debian(there(usb), answers(usb, nil), file("etc/desfire/agent.env", "FLAGS=--reader pcsc\n"), agentSays(noDevices))},
		"not wanted":    {usb, debian(there(usb), answers(usb, nil), pn532Flags, agentSays(strings.NewReplacer("=active", "=inactive", "=enabled", "=disabled").Replace(noDevices)))},
		"without flags": {usb, debian(there(usb), answers(usb, nil), agentSays(noDevices))},
		"not installed": {usb, debian(there(usb), answers(usb, nil))},
	} {
		found := examine(t, c.machine, &Config{Place: "pn532:" + c.at})
		if len(found) != 1 || found["pn532"].ID == "" {
			t.Errorf("%s: %v", name, found)
		}
	}
}

func portCases() []sample {
	const usb = "/dev/ttyUSB0"
	at := func(address string) *Config { return &Config{Place: "pn532:" + address} }
	pi := func(config string) change { return file("boot/firmware/config.txt", config) }
	inGroup := func(groups ...string) change { return func(m *machine) { m.user.Groups = groups } }
	ch340 := func(driver string) change { return plugged("1a86:7523", "USB Serial", "ff", driver) }
	return []sample{
		{id: "port-there", name: "pn532", machine: debian(candidates("/dev/ttyUSB0", "i2c1")), config: &Config{Place: "pn532"}, next: "desfire doctor --reader pn532:"},
		{id: "port-none", machine: debian(), config: &Config{Place: "pn532"}, next: "cables for charging"},
		{id: "port-none", name: "probe", machine: debian(has()), config: &Config{Probe: true}, also: []string{"reader-none"}},
		{id: "unseen-ports", machine: debian(func(m *machine) { m.listing = errBroken }), config: &Config{Place: "pn532:"}, what: "broken"},
		{id: "port-missing", name: "another number", machine: debian(there("/dev/ttyUSB1")), config: at(usb), where: usb, next: "/dev/ttyUSB1"},
		{id: "port-missing", name: "none", machine: debian(), config: at(usb), next: "/dev/serial/by-id"},
		{id: "port-missing", name: "a file", machine: debian(file("etc/passwd", "root")), config: at("/etc/passwd"), what: "no device"},
		{id: "port-missing", name: "windows", machine: windows(fault("COM7", pn532.NotThere)), config: at("COM7"), where: "COM7"},
		{id: "port-permission", name: "dialout", machine: debian(ofGroup(usb, "dialout")), config: at(usb), what: "group dialout, in which ann is not", next: "sudo usermod -aG dialout ann"},
		{id: "port-permission", name: "i2c", machine: debian(ofGroup("/dev/i2c-1", "i2c")), config: at("i2c1"), where: "/dev/i2c-1", next: "usermod -aG i2c ann"},
		{id: "port-permission", name: "root", machine: debian(ofGroup("/dev/spidev0.0", "root")), config: at("spi0.0"), next: "sudo chown ann /dev/spidev0.0"},
		{id: "port-permission", name: "mode", machine: debian(ofGroup(usb, "dialout"), inGroup("dialout")), config: at(usb), next: "chmod g+rw"},
		{id: "port-permission", name: "windows", machine: windows(fault("COM3", pn532.NoRight)), config: at("COM3")},
		{id: "group-login", machine: debian(ofGroup(usb, "dialout"), file("etc/group", "root:x:0:\ndialout:x:20:bob,ann\n")), config: at(usb), next: "log out"},
		{id: "port-held", machine: debian(there(usb), program(800, "minicom"), opened(800, usb)), config: at(usb), what: "minicom (process 800)", next: "kill 800"},
		{id: "port-held", name: "several", machine: debian(there(usb), program(801, "a"), program(802, "b"), program(803, "c"), program(804, "d"), program(805, "e"), opened(801, usb), opened(802, usb), opened(803, usb), opened(804, usb), opened(805, usb)), config: at(usb), what: "d (process 804), and 1 more", next: "close that program"},
		{id: "port-held", name: "by a link", machine: debian(there(usb), linked("/dev/serial/by-id/usb-1a86", "../../ttyUSB0"), program(800, "minicom"), opened(800, usb)), config: at("/dev/serial/by-id/usb-1a86"), where: usb},
		{id: "port-held", name: "by a link here", machine: debian(there("/dev/pts/3"), linked("/home/ann/pn532", "../../dev/pts/3"), program(800, "minicom"), opened(800, "/dev/pts/3")), config: at("./pn532"), where: "/dev/pts/3"},
		{id: "port-missing", name: "not here", machine: debian(), config: at("pn532"), where: "/home/ann/pn532"},
		{id: "pn532", name: "by a link here", machine: debian(there("/dev/pts/3"), linked("/home/ann/pn532", "../../dev/pts/3"), answers("./pn532", nil)), config: at("./pn532"), where: "./pn532"},
		{id: "port-held", name: "met", machine: debian(there(usb), fault(usb, pn532.InUse)), config: at(usb)},
		{id: "unseen-holders", name: "port", machine: debian(there(usb), program(801, "moserial"), secret(801), answers(usb, nil)), config: at(usb), next: "sudo desfire doctor --reader pn532:/dev/ttyUSB0"},
		{id: "modem-manager", machine: debian(there(usb), program(400, "ModemManager"), answers(usb, nil)), config: at(usb), next: `KERNEL=="ttyUSB0"`},
		{id: "brltty", name: "no driver", machine: debian(ch340(""), file("usr/lib/udev/rules.d/85-brltty.rules", "")), config: at(usb), what: "USB 1a86:7523", next: "brltty-udev.service"},
		{id: "brltty", name: "it has it", machine: debian(ch340("usbfs"), program(500, "brltty")), config: &Config{Place: "pn532"}},
		{id: "port-missing", name: "brltty and its driver", machine: debian(ch340("ch341"), program(500, "brltty")), config: at(usb)},
		{id: "console", name: "pi", machine: debian(there("/dev/ttyS0"), linked("/dev/serial0", "ttyS0"), pi("enable_uart=1\n"), file("proc/cmdline", "console=serial0,115200 console=tty1 root=PARTUUID=1\n")), config: at("/dev/serial0"), next: "do_serial_cons 1"},
		{id: "console", name: "pc", machine: debian(there("/dev/ttyS0"), file("proc/cmdline", "console=ttyS0,115200n8\n")), config: at("/dev/ttyS0"), next: "serial-getty@ttyS0.service"},
		{id: "uart-off", machine: debian(pi("#enable_uart=1\ndtparam=audio=on\n")), config: at("/dev/serial0"), where: "/boot/firmware/config.txt"},
		{id: "i2c-off", machine: debian(pi("#dtparam=i2c_arm=on\n")), config: at("i2c1"), next: "do_i2c 0"},
		{id: "i2c-module", name: "pi", machine: debian(pi("dtparam=i2c_arm=on # for the reader\n")), config: at("i2c1"), next: "modprobe i2c-dev"},
		{id: "i2c-module", name: "two on a line", machine: debian(pi("dtparam=i2c_arm=on,spi=on\n"), lacking("boot/firmware"), file("boot/config.txt", "dtparam=i2c_arm=on\n")), config: at("/dev/i2c-1")},
		{id: "i2c-module", name: "pc", machine: debian(), config: at("i2c1")},
		{id: "spi-off", machine: debian(pi("dtparam=i2c_arm=on\n")), config: at("spi0.0"), next: "do_spi 0"},
		{id: "spi-missing", machine: debian(pi("dtparam=spi=on\n")), config: at("spi1.0"), where: "/dev/spidev1.0"},
		{id: "container-device", machine: debian(file(".dockerenv", "")), config: at(usb), next: "docker run --device /dev/ttyUSB0"},
		{id: "service-devices", machine: debian(file("proc/700/mountinfo", "30 1 8:1 / / rw - ext4 /dev/sda1 rw\n31 30 0:5 / /dev rw,nosuid shared:2 - devtmpfs udev rw\n99 30 0:60 / /dev ro,nosuid,noexec - tmpfs tmpfs ro,mode=755\n")), config: at(usb), next: "PrivateDevices=no"},
		{id: "port-missing", name: "devices of the machine", machine: debian(file("proc/700/mountinfo", "30 1 8:1 / / rw - ext4 /dev/sda1 rw\n31 30 0:5 / /dev rw,nosuid shared:2 - devtmpfs udev rw\n33 31 0:9 / /dev/shm rw - tmpfs tmpfs rw\n - \n")), config: at(usb)},
		{id: "agent-devices", machine: debian(there(usb), answers(usb, nil), file("etc/desfire/agent.env", "FLAGS=--reader pn532:/dev/ttyUSB0\n"), agentSays(noDevices)), config: at(usb), where: "desfire-agent.service", next: "/etc/systemd/system/desfire-agent.service.d/pn532-serial.conf"},
		{id: "agent-devices", name: "another line", machine: debian(there("/dev/spidev0.0"), answers("spi0.0", nil), file("etc/desfire/agent.env", "FLAGS=--reader pn532:spi0.0\n"), agentSays(onlyTTY)), config: at("spi0.0"), next: "pn532-spi.conf"},
		{id: "agent-sandbox", machine: debian(there("/dev/i2c-1"), answers("i2c1", nil), hidden("etc/desfire/agent.env"), agentSays(noDevices)), config: at("i2c1"), next: "pn532-i2c.conf"},
		{id: "unseen-systemd", name: "agent", machine: debian(there(usb), answers(usb, nil), file("etc/systemd/system/desfire-agent.service", "")), config: at(usb), what: "desfire-agent"},
		{id: "wsl", name: "port", machine: debian(file("proc/sys/kernel/osrelease", "5.15.167.4-microsoft-standard-WSL2\n")), config: at(usb)},
		{id: "port-tty", machine: mac(func(m *machine) { m.files = fstest.MapFS{} }, there("/dev/tty.usbserial-10"), answers("/dev/tty.usbserial-10", nil)), config: at("/dev/tty.usbserial-10"), next: "pn532:/dev/cu.usbserial-10"},
		{id: "port-unsupported", machine: windows(fault("i2c1", pn532.Unsupported)), config: at("i2c1")},
		{id: "pn532", machine: debian(there(usb), answers(usb, nil)), config: at(usb), what: "PN532 v1.6"},
		{id: "pn532", name: "probed", machine: debian(has(), candidates(usb), there(usb), answers(usb, nil)), config: &Config{Probe: true}, also: []string{"reader-none"}},
		{id: "pn532-silent", name: "HSU", machine: debian(there(usb), fault(usb, pn532.Silent)), config: at(usb), next: "TX to RX"},
		{id: "pn532-silent", name: "I2C", machine: debian(there("/dev/i2c-1"), fault("i2c1", pn532.Silent)), config: at("i2c1"), next: "SDA to SDA"},
		{id: "pn532-silent", name: "SPI", machine: debian(there("/dev/spidev0.0"), fault("spi0.0", pn532.Silent)), config: at("spi0.0"), next: "CE0"},
		{id: "pn532-garbage", machine: debian(there(usb), fault(usb, pn532.Garbage)), config: at(usb), next: "115200"},
		{id: "pn532-other", machine: debian(there(usb), fault(usb, pn532.NotPN532)), config: at(usb)},
		{id: "pn532-gone", machine: debian(there(usb), fault(usb, pn532.Gone)), config: at(usb)},
		{id: "place-fails", name: "pn532", machine: debian(there(usb), answers(usb, errBroken)), config: at(usb), what: "broken"},
		{id: "place-fails", name: "pn532 failed", machine: debian(there(usb), answers(usb, &pn532.LineError{Address: usb, Problem: pn532.Failed, Err: errBroken})), config: at(usb), what: "broken"},
	}
}

func linked(name, to string) change { return func(m *machine) { m.files[inRoot(name)] = link(to) } }

// Nothing is written to a port that was not named, and nothing to one that another
// program has.
func TestOnlyNamed(t *testing.T) {
	const usb = "/dev/ttyUSB0"
	for name, c := range map[string]sample{
		"candidates":  {machine: debian(candidates(usb, "i2c1"), there(usb), there("/dev/i2c-1")), config: &Config{Place: "pn532"}},
		"no reader":   {machine: debian(candidates(usb), there(usb))},
		"held":        {machine: debian(there(usb), program(800, "minicom"), opened(800, usb)), config: &Config{Place: "pn532:" + usb}},
		"held, probe": {machine: debian(candidates(usb), there(usb), program(800, "minicom"), opened(800, usb)), config: &Config{Place: "pn532", Probe: true}},
	} {
		t.Run(name, func(t *testing.T) {
			Examine(t.Context(), c.machine, c.config) // Probe panics where it is not expected
		})
	}
}

// Names of devices and users cannot break out of the lines that mend.
func TestHostileNames(t *testing.T) {
	const name = "/dev/tty'; rm -rf ~ #"
	m := debian(ofGroup(name, "dial out; reboot"), func(m *machine) { m.user.Name = "$(reboot)" })
	f := examine(t, m, &Config{Place: "pn532:" + name})["port-permission"]
	if want := "sudo usermod -aG GROUP USER"; f.Next != want {
		t.Errorf("next %q, want %q", f.Next, want)
	}
	m = debian(ofGroup(name, "root"))
	f = examine(t, m, &Config{Place: "pn532:" + name})["port-permission"]
	if want := `sudo chown ann '/dev/tty'\''; rm -rf ~ #'`; f.Next != want {
		t.Errorf("next %q, want %q", f.Next, want)
	}
}

// What this machine says cannot break an examination.
func TestHostileFiles(t *testing.T) {
	for _, bad := range []string{"", "\x00", "(", ")", "(a)", "1 (a) ", "::::", "=", "<plist><array><string>", "<key>ifdVendorID</key><string>0x1</string>"} {
		m := debian(plugged(acr122, "ACR122U", "0b", ""), there("/dev/ttyUSB0"), answers("/dev/ttyUSB0", errors.New(bad)))
		for name, f := range m.files {
			if f.Mode.IsRegular() {
				m.files[name] = text(bad)
			}
		}
		for _, c := range []*Config{nil, {Place: "pn532:/dev/ttyUSB0"}, {Place: "vpcd"}, {Place: "pn532:" + bad}, {Place: bad}} {
			if c != nil && !slices.Contains([]string{"", "pn532:/dev/ttyUSB0"}, c.Place) {
				m.probe[c.Place] = nil
			}
			Examine(t.Context(), m, c)
		}
	}
}
