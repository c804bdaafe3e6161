package doctor

import (
	"errors"

	"github.com/go-desfire/desfire/pcsc"
)

const acr122 = "072f:2200"

func readerCases() []sample {
	const node = "/dev/bus/usb/001/004"
	return []sample{
		{id: "reader-none", name: "linux", machine: debian(), next: "cables for charging"},
		{id: "reader-none", name: "a stick", machine: debian(plugged("0781:5567", "Cruzer Blade", "08", "usb-storage"))},
		{id: "reader-none", name: "windows", machine: windows(), next: "Device Manager"},
		{id: "reader-none", name: "macos", machine: mac(ioreg(`  | "bInterfaceClass" = 8`))},
		{id: "reader-none", name: "freebsd", machine: &machine{system: "freebsd", pcsc: debian().pcsc}},
		{id: "unseen-usb", machine: mac(), also: []string{"reader-none"}},
		{id: "macos-driver", machine: mac(ioreg(`  | "bInterfaceClass" = 11`)), next: "useIFDCCID"},
		{id: "reader-name", machine: debian(has(pcsc.ReaderInfo{Name: "HID Global OMNIKEY 5422 00 00", State: pcsc.StateEmpty})), config: &Config{Place: "pcsc:ACR122"}, where: "ACR122", what: "OMNIKEY 5422"},
		{id: "reader-contact", machine: debian(has(pcsc.ReaderInfo{Name: "Gemalto PC Twin 00 00", State: pcsc.StateEmpty, Ignored: "a reader for contact cards"})), where: "Gemalto PC Twin"},
		{id: "kernel-driver", name: "beside a contact reader", machine: debian(has(pcsc.ReaderInfo{Name: "Gemalto PC Twin 00 00", State: pcsc.StateEmpty, Ignored: "a reader for contact cards"}), plugged(acr122, "ACR122U PICC Interface", "0b", "pn533_usb")), also: []string{"reader-contact"}},
		{id: "reader-dead", machine: debian(has(pcsc.ReaderInfo{Name: "ACS ACR122U 00 00", State: pcsc.StateUnavailable})), where: "ACS ACR122U 00 00"},
		{id: "reader-held", name: "scdaemon", machine: debian(plugged(acr122, "ACR122U PICC Interface", "0b", "usbfs"), program(900, "scdaemon"), opened(900, node)), what: "scdaemon (process 900)", where: node, next: "disable-ccid"},
		{id: "reader-held", name: "nfc-list", machine: debian(plugged(acr122, "ACR122U PICC Interface", "0b", "usbfs"), program(901, "nfc-list"), opened(901, node)), next: "kill 901"},
		{id: "unseen-holders", name: "usb", machine: debian(plugged(acr122, "ACR122U PICC Interface", "0b", "usbfs"), program(902, "qemu"), secret(902)), what: "only root", also: []string{"reader-not-taken"}},
		{id: "reader-not-taken", machine: debian(plugged(acr122, "ACR122U PICC Interface", "0b", "")), what: "ifd-ccid 1.6.2", next: "sudo systemctl restart"},
		{id: "kernel-driver", machine: debian(plugged(acr122, "ACR122U PICC Interface", "0b", "pn533_usb")), what: "ACR122U PICC Interface (USB 072f:2200)", where: "/sys/bus/usb/devices/1-3", next: "sudo modprobe -r pn533_usb pn533 nfc"},
		{id: "kernel-driver", name: "RC-S380", machine: debian(plugged("054c:06c3", "", "ff", "port100")), what: "Sony RC-S380", next: "modprobe -r port100 nfc_digital nfc"},
		{id: "driver-missing", machine: debian(plugged(acr122, "ACR122U PICC Interface", "0b", ""), lacking("usr/lib/pcsc/drivers")), next: "sudo apt install libccid"},
		{id: "driver-unknown", name: "acs", machine: debian(plugged("072f:223b", "ACR1252 Dual Reader", "0b", "")), what: "ifd-ccid 1.6.2", next: "sudo apt install libacsccid1"},
		{id: "driver-unknown", name: "another maker", machine: debian(plugged("1fd3:0608", "ASK LoGO", "0b", "")), next: "https://ccid.apdu.fr/"},
		{id: "wsl", machine: debian(file("proc/sys/kernel/osrelease", "5.15.167.4-microsoft-standard-WSL2\n")), next: "usbipd attach --wsl"},
		{id: "usb-none", machine: debian(lacking("sys/bus/usb")), where: "/sys/bus/usb"},
		{id: "container-usb", name: "no sysfs", machine: debian(lacking("sys/bus/usb"), file(".dockerenv", ""))},
		{id: "container-usb", name: "no node", machine: debian(plugged(acr122, "ACR122U PICC Interface", "0b", ""), lacking("dev/bus"), file(".dockerenv", "")), where: node},
		{id: "port-there", machine: debian(candidates("/dev/ttyUSB0")), next: "desfire doctor --reader pn532:/dev/ttyUSB0", also: []string{"reader-none"}},
	}
}

func ioreg(out string) change {
	return func(m *machine) {
		m.run["ioreg -r -c IOUSBHostInterface -w0 -l"] = printed{"+-o IOUSBHostInterface@0\n" + out + "\n", nil}
	}
}

var errBroken = errors.New("broken")
