package pn532

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// serialPorts goes through the kernel's list. The one of go.bug.st/serial opens ports
// to see whether they are any, which others may mind.
func serialPorts(root string) (list []Candidate, err error) {
	for _, pattern := range []string{"sys/class/tty/ttyUSB*", "sys/class/tty/ttyACM*"} {
		for _, name := range files(root, pattern) {
			vendor, product := usbIDs(filepath.Join(root, "sys/class/tty", name, "device"))
			if c, ok := usbCandidate("/dev/"+name, vendor, product); ok {
				list = append(list, c)
			}
		}
	}
	return list, nil
}

// usbIDs are the numbers of the USB device that a device is part of: one of the
// folders above it.
func usbIDs(device string) (vendor, product string) {
	dir, err := filepath.EvalSymlinks(device)
	if err != nil {
		return "", ""
	}
	for range 4 {
		if vendor = firstLine(filepath.Join(dir, "idVendor")); vendor != "" {
			return vendor, firstLine(filepath.Join(dir, "idProduct"))
		}
		dir = filepath.Dir(dir)
	}
	return "", ""
}

// holders are the programs that have a file open. Those of other users are seen by
// root alone.
func holders(root, device string) (list []string) {
	device = filepath.Join(root, device)
	processes, _ := os.ReadDir(filepath.Join(root, "proc"))
	for _, p := range processes {
		if _, err := strconv.Atoi(p.Name()); err != nil || p.Name() == strconv.Itoa(os.Getpid()) {
			continue
		}
		dir := filepath.Join(root, "proc", p.Name())
		open, _ := os.ReadDir(filepath.Join(dir, "fd"))
		for _, f := range open {
			target, err := os.Readlink(filepath.Join(dir, "fd", f.Name()))
			if err == nil && (target == device || filepath.Join(root, target) == device) {
				list = append(list, strings.TrimSpace(firstLine(filepath.Join(dir, "comm"))+" ("+p.Name()+")"))
				break
			}
		}
	}
	return list
}
