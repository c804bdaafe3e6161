package doctor

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// port is a device of this machine behind which a PN532 may be.
type port struct {
	address string // as in pn532:ADDRESS
	device  string // the file, empty for a port of Windows
	line    string // HSU, I2C or SPI
}

var (
	i2cName = regexp.MustCompile(`^(?:/dev/)?i2c-?([0-9]+)$`)
	spiName = regexp.MustCompile(`^(?:/dev/)?spi(?:dev)?([0-9]+\.[0-9]+)$`)
)

// portOf is the port of an address of the scheme pn532.
func (x *exam) portOf(address string) port {
	if m := i2cName.FindStringSubmatch(address); m != nil {
		return port{address, "/dev/i2c-" + m[1], "I2C"}
	}
	if m := spiName.FindStringSubmatch(address); m != nil {
		return port{address, "/dev/spidev" + m[1], "SPI"}
	}
	device := address
	if x.m.System() != "windows" && !path.IsAbs(device) { // a link in the folder, as sim serve makes one
		device = path.Join(x.m.Folder(), device)
	}
	return port{address, device, "HSU"}
}

// portNames are devices to which people connect things, by name. The pins of a board
// are not among them: they may be its console.
var portNames = []string{"dev/ttyUSB*", "dev/ttyACM*", "dev/cu.usb*", "dev/cu.wchusb*", "dev/cu.SLAB*"}

// ports are the serial ports of this machine to which something may be connected.
func (x *exam) ports() (found []string) {
	for _, pattern := range portNames {
		list, _ := fs.Glob(x.files, pattern)
		for _, name := range list {
			found = append(found, "/"+name)
		}
	}
	slices.Sort(found)
	return found
}

// usable looks at a port without opening it, and reports whether it can be opened.
func (x *exam) usable(p port) bool {
	if x.m.System() == "windows" {
		return true
	}
	info, err := fs.Stat(x.files, inRoot(path.Clean(p.device)))
	switch {
	case err != nil:
		x.noPort(p)
		return false
	case info.Mode()&fs.ModeCharDevice == 0:
		x.find("port-missing", p.device, p.device+" is no device", x.others())
		return false
	}
	if x.m.System() == "darwin" && strings.HasPrefix(p.device, "/dev/tty.") {
		x.find("port-tty", p.device, "", "desfire doctor --reader pn532:"+quotedWord(strings.Replace(p.device, "/dev/tty.", "/dev/cu.", 1)))
	}
	if err := x.m.May(p.device); err != nil {
		x.noRight(p)
		return false
	}
	return !x.console(p) && !x.held(p)
}

// quotedWord is a word for a shell.
func quotedWord(word string) string {
	if plainPlace.MatchString(word) {
		return word
	}
	return quotedPath(word)
}

// others are the ports that there are, as something to do.
func (x *exam) others() string {
	if list := x.ports(); len(list) > 0 {
		return "name one that is there: " + strings.Join(list, ", ")
	}
	return ""
}

// noPort finds out why a device is not there.
func (x *exam) noPort(p port) {
	config := x.first("boot/firmware/config.txt", "boot/config.txt")
	on := func(setting string) bool { return x.setting(config, setting) }
	switch {
	case x.container() == "container" && strings.HasPrefix(p.device, "/dev/"):
		x.find("container-device", p.device, "", "docker run --device "+quotedWord(p.device)+" IMAGE")
	case strings.HasPrefix(p.device, "/dev/") && x.privateDevices():
		x.find("service-devices", p.device, "", "")
	case p.line == "I2C" && config != "" && !on("dtparam=i2c_arm=on"):
		x.find("i2c-off", "/"+config, "", "")
	case p.line == "I2C":
		x.find("i2c-module", p.device, "", "")
	case p.line == "SPI" && config != "" && !on("dtparam=spi=on"):
		x.find("spi-off", "/"+config, "", "")
	case p.line == "SPI":
		x.find("spi-missing", p.device, "", "")
	case config != "" && pins.MatchString(p.device) && !on("enable_uart=1"):
		x.find("uart-off", "/"+config, "", "")
	default:
		if x.brltty() {
			return
		}
		if x.wsl() {
			x.find("wsl", p.device, "", "")
			return
		}
		x.find("port-missing", p.device, "", x.others())
	}
}

// pins are the serial ports of the pins of a Raspberry Pi.
var pins = regexp.MustCompile(`^/dev/(serial0|ttyAMA[0-9]+|ttyS[0-9]+)$`)

// setting reports whether a line stands in a config.txt.
func (x *exam) setting(file, setting string) bool {
	for line := range strings.Lines(x.read(file)) {
		line, _, _ = strings.Cut(line, "#")
		if slices.Contains(strings.Split(strings.ReplaceAll(strings.TrimSpace(line), " ", ""), ","), setting) {
			return true
		}
	}
	return false
}

// serialAdapters are USB adapters that rules of brltty before 6.5 take for displays
// for the blind.
var serialAdapters = []string{"1a86:7523", "10c4:ea60", "0403:6001"}

// brltty reports whether brltty may have taken an adapter.
func (x *exam) brltty() bool {
	rules, _ := fs.Glob(x.files, "usr/lib/udev/rules.d/*brltty*.rules")
	more, _ := fs.Glob(x.files, "lib/udev/rules.d/*brltty*.rules")
	if len(rules)+len(more) == 0 && len(x.named("brltty")) == 0 {
		return false
	}
	entries, _ := fs.ReadDir(x.files, "sys/bus/usb/devices")
	for _, e := range entries {
		at := "sys/bus/usb/devices/" + e.Name()
		id := x.read(at+"/idVendor") + ":" + x.read(at+"/idProduct")
		if !slices.Contains(serialAdapters, id) {
			continue
		}
		driver, err := fs.ReadLink(x.files, at+":1.0/driver")
		if err != nil || strings.HasSuffix(driver, "/usbfs") {
			x.find("brltty", "/"+at, fmt.Sprintf("brltty, for displays for the blind, takes serial adapters (USB %s) away", id), "")
			return true
		}
	}
	return false
}

// noRight says whose the device is.
func (x *exam) noRight(p port) {
	group, err := x.m.Group(p.device)
	switch {
	case err != nil || group == "root" || group == "0":
		x.find("port-permission", p.device, "", "sudo chown "+quoted(x.user.Name, "USER")+" "+quotedWord(p.device))
	case slices.Contains(x.user.Groups, group):
		x.find("port-permission", p.device, "the device does not let its group "+group+" in", "sudo chmod g+rw "+quotedWord(p.device))
	case x.member(group):
		x.find("group-login", p.device, fmt.Sprintf("%s has come into the group %s, and this login is from before", x.user.Name, group), "")
	default:
		x.find("port-permission", p.device, fmt.Sprintf("the device is for the group %s, in which %s is not; a group counts from the next login on", group, x.user.Name), fmt.Sprintf("sudo usermod -aG %s %s", quoted(group, "GROUP"), quoted(x.user.Name, "USER")))
	}
}

// member reports whether the user is in a group, for logins from now on.
func (x *exam) member(group string) bool {
	for line := range strings.Lines(x.read("etc/group")) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) == 4 && fields[0] == group && slices.Contains(strings.Split(fields[3], ","), x.user.Name) {
			return true
		}
	}
	return false
}

// target is the file behind links such as /dev/serial0 and those in /dev/serial.
func (x *exam) target(device string) string {
	for range 8 {
		to, err := fs.ReadLink(x.files, inRoot(device))
		if err != nil {
			break
		}
		if !path.IsAbs(to) {
			to = path.Join(path.Dir(device), to)
		}
		device = to
	}
	return device
}

// console reports whether the port is the console of the machine.
func (x *exam) console(p port) bool {
	name := path.Base(x.target(p.device))
	for word := range strings.FieldsSeq(x.read("proc/cmdline")) {
		value, ok := strings.CutPrefix(word, "console=")
		value, _, _ = strings.Cut(value, ",")
		if ok && (value == name || value == path.Base(p.device)) {
			line := "sudo systemctl disable --now serial-getty@" + quoted(name, "PORT") + ".service"
			if x.first("boot/firmware/config.txt", "boot/config.txt") != "" {
				line = "sudo raspi-config nonint do_serial_cons 1 && sudo reboot"
			}
			x.find("console", p.device, "", line)
			return true
		}
	}
	return false
}

// held reports whether another program has the port.
func (x *exam) held(p port) bool {
	target := x.target(p.device)
	list, all := x.holders(target)
	list = slices.DeleteFunc(list, x.own)
	usb := strings.HasPrefix(path.Base(target), "ttyUSB") || strings.HasPrefix(path.Base(target), "ttyACM")
	if usb && len(x.named("ModemManager")) > 0 {
		x.find("modem-manager", target, "", fmt.Sprintf(`echo 'KERNEL=="%s", ENV{ID_MM_PORT_IGNORE}="1"' | sudo tee /etc/udev/rules.d/78-pn532.rules && sudo udevadm control --reload`, quoted(path.Base(target), "PORT")))
	}
	if p.line != "HSU" {
		return false // a bus is for several
	}
	if len(list) > 0 {
		x.find("port-held", target, "another program has the port open: "+names(list), end(list))
		return true
	}
	if !all && !x.user.Root {
		x.find("unseen-holders", target, "which programs of others have the port open, only root can see", "sudo "+x.tool("doctor"))
	}
	return false
}
