package doctor

// portCauses are about serial ports and buses.
var portCauses = []Cause{
	{"port-there", Good, "a port is there; a PN532 may be behind it", "desfire doctor --reader pn532:PORT", ""},
	{"port-none", Bad, "there is no serial adapter, and no I2C or SPI bus", "plug one in; if one is plugged in, try another cable: cables for charging carry no data", ""},
	{"port-missing", Bad, "there is no such device", "plug the adapter in; the number changes with the port: ls -l /dev/serial/by-id", ""},
	{"port-permission", Bad, "this user may not use the device, which is for a group; a group counts from the next login on", "sudo usermod -aG dialout USER", "https://wiki.debian.org/SystemGroups"},
	{"group-login", Bad, "this login is from before the user came into the group of the device", "log out and in again", ""},
	{"port-held", Bad, "another program has the port open", "close that program", "https://github.com/nfc-tools/libnfc/issues/475"},
	{"port-tty", Doubt, "ports named tty. wait for a carrier that no adapter gives", "use the port named cu.", ""},
	{"port-unsupported", Bad, "this system has no such bus", "connect the chip by HSU to a serial adapter", ""},
	{"modem-manager", Doubt, "ModemManager sends commands for modems to new ports, for some seconds", `echo 'KERNEL=="ttyUSB0", ENV{ID_MM_PORT_IGNORE}="1"' | sudo tee /etc/udev/rules.d/78-pn532.rules && sudo udevadm control --reload`, "https://github.com/rusefi/rusefi/issues/4359"},
	{"brltty", Bad, "brltty, for displays for the blind, takes serial adapters away", "sudo systemctl mask --now brltty-udev.service", "https://github.com/pop-os/pop/issues/2475"},
	{"console", Bad, "the port is the console of this machine: a login answers there", "sudo raspi-config nonint do_serial_cons 1 && sudo reboot", "https://github.com/kormax/apple-home-key-reader/issues/40"},
	{"uart-off", Bad, "the serial port at the pins is off", "sudo raspi-config nonint do_serial_hw 0 && sudo reboot", "https://github.com/nfcpy/nfcpy/issues/50"},
	{"i2c-off", Bad, "I2C is off", "sudo raspi-config nonint do_i2c 0", "https://www.raspberrypi.com/documentation/computers/configuration.html"},
	{"i2c-module", Bad, "there is no such I2C bus, or the module that makes its device is not loaded", "sudo modprobe i2c-dev && echo i2c-dev | sudo tee /etc/modules-load.d/i2c-dev.conf", "https://docs.kernel.org/i2c/dev-interface.html"},
	{"spi-off", Bad, "SPI is off", "sudo raspi-config nonint do_spi 0", "https://www.raspberrypi.com/documentation/computers/configuration.html"},
	{"spi-missing", Bad, "there is no such SPI device", "look which there are, ls /dev/spidev*, and enable the one that the chip is wired to", "https://docs.kernel.org/spi/spidev.html"},
	{"container-device", Bad, "this is a container, and the device is not in it", "docker run --device DEVICE IMAGE", "https://docs.docker.com/reference/cli/docker/container/run/"},
	{"service-devices", Bad, "this program runs in a service that sees no devices: its unit says PrivateDevices=yes", "set PrivateDevices=no and DeviceAllow for the device in a drop-in of the unit: docs/pn532.md", "https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html"},
	{"agent-devices", Bad, "the service desfire-agent is to use a PN532, and its unit does not let it use the device", "sudo install -D -m 644 /usr/share/doc/desfire/examples/DROPIN /etc/systemd/system/DROPIN && sudo systemctl daemon-reload && sudo systemctl restart desfire-agent.service", "https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html"},
	{"agent-sandbox", Doubt, "you may use the device, and the unit of the service desfire-agent does not let that use it; if it serves readers of PC/SC alone, that is right", "sudo install -D -m 644 /usr/share/doc/desfire/examples/DROPIN /etc/systemd/system/DROPIN && sudo systemctl daemon-reload && sudo systemctl restart desfire-agent.service", "https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html"},
}

// chipCauses are about the PN532.
var chipCauses = []Cause{
	{"pn532", Good, "a PN532 answers", "", ""},
	{"pn532-silent", Bad, "nothing answers", "set the switches of the board to the line in use, look at the wires and the voltage, and take that off once", "https://github.com/nfc-tools/libnfc/issues/742"},
	{"pn532-garbage", Bad, "bytes come that make no sense", "take the voltage off the chip once, which sets its speed back to 115200; look at ground and the length of the wires, and that nothing else is on the port", ""},
	{"pn532-other", Bad, "something answers that is no PN532", "look whether the port is that of the chip", ""},
	{"pn532-gone", Bad, "the device left while it was asked", "plug it in firmly, or with a shorter cable; a hub with its own supply helps where voltage breaks down", ""},
}

// placeCauses are about places that are no readers of this machine.
var placeCauses = []Cause{
	{"place-fails", Bad, "no card can be presented there", "", ""},
	{"host-unknown", Bad, "there is no host of this name", "look at the name, and at the network", ""},
	{"host-refused", Bad, "nobody listens there", "begin to serve a card there: desfire sim serve --listen HOST:PORT", ""},
	{"host-unreachable", Bad, "the host does not answer", "look at the network and at firewalls in between", ""},
	{"place-held", Bad, "somebody else has the card", "wait until it is free, or end the other client", ""},
	{"vpcd", Good, "a virtual reader of pcscd waits for a card", "desfire sim serve --vpcd HOST:PORT", ""},
	{"vpcd-driver", Bad, "pcscd has no driver for virtual readers", "sudo apt install vsmartcard-vpcd", "https://frankmorgner.github.io/vsmartcard/virtualsmartcard/README.html"},
	{"vpcd-silent", Bad, "no virtual reader listens there", "start pcscd, and look at the port in /etc/reader.conf.d/vpcd", "https://frankmorgner.github.io/vsmartcard/virtualsmartcard/README.html"},
}
