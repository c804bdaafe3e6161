package doctor

import "fmt"

// serviceCauses are about the PC/SC service and the way to it.
var serviceCauses = []Cause{
	{"service", Good, "the PC/SC service answers", "", ""},
	{"library", Bad, "the PC/SC library is not installed", "install pcsc-lite and its CCID driver", "https://pcsclite.apdu.fr/"},
	{"service-missing", Bad, "pcscd, the PC/SC service, is not installed", "install pcsc-lite and its CCID driver", "https://pcsclite.apdu.fr/"},
	{"service-off", Bad, "the PC/SC service does not run", "sudo systemctl enable --now pcscd.socket", "https://blog.apdu.fr/posts/2011/11/pcscd-auto-start-using-systemd/"},
	{"service-masked", Bad, "systemd is told never to start pcscd: its unit is masked", "sudo systemctl unmask pcscd.socket pcscd.service && sudo systemctl enable --now pcscd.socket", ""},
	{"service-failed", Bad, "systemd gave up on pcscd, which ended too often", "sudo systemctl reset-failed pcscd.socket pcscd.service && sudo systemctl start pcscd.socket; journalctl -u pcscd", "https://github.com/LudovicRousseau/PCSC/issues/119"},
	{"service-stopped", Bad, "pcscd is stopped, by a signal or a debugger, and answers nobody", "sudo kill -CONT PROCESS", ""},
	{"service-hangs", Bad, "the PC/SC service does not answer", "sudo systemctl restart pcscd.socket pcscd.service", "https://github.com/LudovicRousseau/PCSC/issues/111"},
	{"service-fails", Bad, "the PC/SC service is there, and breaks off", "journalctl -u pcscd", "https://pcsclite.apdu.fr/#support"},
	{"service-twice", Doubt, "more than one pcscd runs: what one of them has, the other cannot have", "sudo systemctl restart pcscd.socket pcscd.service", ""},
	{"service-version", Bad, "libpcsclite and pcscd are of versions that do not understand each other", "install both from one place, and look for a second libpcsclite.so.1, as in /usr/local/lib", "https://github.com/LudovicRousseau/PCSC/issues/68"},
	{"socket-gone", Bad, "pcscd runs, and its socket is gone", "sudo systemctl restart pcscd.socket pcscd.service", ""},
	{"socket-dead", Bad, "the socket is that of a pcscd that has died", "sudo systemctl restart pcscd.socket", ""},
	{"socket-permission", Bad, "this user may not use the socket of pcscd", "sudo chmod 666 /run/pcscd/pcscd.comm", ""},
	{"socket-elsewhere", Bad, "PCSCLITE_CSOCK_NAME names a socket that is not there", "unset PCSCLITE_CSOCK_NAME", "https://github.com/flatpak/flatpak/issues/2777"},
	{"container-socket", Bad, "this is a container, and the socket of pcscd outside is not in it", "docker run -v /run/pcscd:/run/pcscd IMAGE", "https://github.com/LudovicRousseau/PCSC/issues/118"},
	{"polkit", Bad, "polkit keeps this user from PC/SC: it lets in who sits at the screen, and no service and no login over ssh", fmt.Sprintf(polkitLine, "USER"), "https://blog.apdu.fr/posts/2023/11/pcsc-lite-and-polkit/"},
	{"polkit-absent", Bad, "pcscd asks polkit who may use readers, and there is no polkit in this container", "pcscd --disable-polkit", "https://github.com/LudovicRousseau/PCSC/issues/59"},
	{"hidepid", Doubt, "/proc hides the processes of others, and a pcscd that is not root cannot tell polkit who asks", "sudo mount -o remount,hidepid=0 /proc", "https://github.com/LudovicRousseau/PCSC/issues/224"},
	{"denied", Bad, "the system keeps this user from PC/SC", "", ""},
	{"windows-disabled", Bad, "the service for smart cards is disabled", "sc config SCardSvr start= demand && sc start SCardSvr", "https://github.com/kanidm/webauthn-rs/pull/321"},
	{"windows-remote", Bad, "this is a session of Remote Desktop: it has the readers of the computer in front of you, not those of this one", "plug the reader into that computer and allow smart cards in its Remote Desktop client, or run this at the machine itself", "https://github.com/danm-de/pcsc-sharp/issues/49"},
}

// readerCauses are about readers that PC/SC has or has not.
var readerCauses = []Cause{
	{"reader", Good, "the reader works", "", ""},
	{"reader-none", Bad, "there is no reader on USB", "plug one in; if one is plugged in, try another cable and port: cables for charging carry no data", ""},
	{"reader-name", Bad, "no reader has this in its name", "desfire readers", ""},
	{"reader-contact", Bad, "there are readers for contact cards only, and slots for security modules", "plug in a contactless reader", ""},
	{"reader-dead", Bad, "the reader does not work at the moment", "plug it out and in", ""},
	{"reader-held", Bad, "another program has the reader to itself", "close that program", "https://blog.apdu.fr/posts/2019/06/gnupg-and-pcsc-conflicts/"},
	{"reader-not-taken", Bad, "pcscd has a driver for the reader, and did not take it", "sudo systemctl restart pcscd.socket pcscd.service", "https://ccid.apdu.fr/#support"},
	{"kernel-driver", Bad, "a module of the kernel has taken the reader", blacklist("pn533_usb"), "https://github.com/LudovicRousseau/pcsc-tools/issues/97"},
	{"driver-missing", Bad, "pcscd has no driver for readers", "install the CCID driver", "https://ccid.apdu.fr/"},
	{"driver-unknown", Bad, "no driver here knows the reader", "install a newer CCID driver, or that of the reader's maker: https://ccid.apdu.fr/ lists which reader needs which", "https://ccid.apdu.fr/"},
	{"macos-driver", Bad, "a reader is on USB, and Apple's driver did not take it; macOS has a second one", "sudo defaults write /Library/Preferences/com.apple.security.smartcard useIFDCCID -bool yes", "https://blog.apdu.fr/posts/2023/11/apple-own-ccid-driver-in-sonoma/"},
}

// systemCauses are about machines inside of machines.
var systemCauses = []Cause{
	{"wsl", Bad, "this is a Linux inside Windows, to which no reader is passed on", "in Windows, as administrator: usbipd list, then usbipd bind --busid BUSID and usbipd attach --wsl --busid BUSID; or run desfire.exe in Windows", "https://github.com/dorssel/usbipd-win/wiki/WSL-support"},
	{"usb-none", Bad, "this machine has no USB", "if it is a virtual machine, pass the reader on to it", ""},
	{"container-usb", Bad, "this is a container that sees no USB: a pcscd in it finds no reader, one on the machine outside does", "docker run -v /run/pcscd:/run/pcscd IMAGE", "https://github.com/LudovicRousseau/PCSC/issues/59"},
}

// cardCauses are about what lies on a reader.
var cardCauses = []Cause{
	{"card", Good, "a card lies there", "desfire info", ""},
	{"card-none", Good, "no card lies there", "put one there, then: desfire info", ""},
	{"card-shared", Good, "a program uses the card, so it was not asked what it is", "", ""},
	{"card-held", Bad, "a program has the card for itself", "close that program, or lift the card and present it again", "https://blog.apdu.fr/posts/2019/06/gnupg-and-pcsc-conflicts/"},
	{"card-mute", Bad, "the card does not answer", "lift it and present it again, flat on the reader and one card at a time", ""},
	{"card-contact", Doubt, "a contact card lies there", "", ""},
	{"card-foreign", Doubt, "a card lies there that is no DESFire card", "", ""},
	{"card-left", Doubt, "a card was there and left", "leave it there, and once more: desfire doctor", ""},
	{"card-fails", Bad, "the card could not be read", "lift it and present it again, flat on the reader and one card at a time", ""},
}

// unseenCauses are about what could not be looked at.
var unseenCauses = []Cause{
	{"unseen-slow", Unseen, "this took too long, and the rest was not looked at", "", ""},
	{"unseen-holders", Unseen, "which program of another user has it, only root can see", "sudo desfire doctor", ""},
	{"unseen-systemd", Unseen, "systemd could not be asked", "", ""},
	{"unseen-service", Unseen, "how the service is set up could not be asked", "", ""},
	{"unseen-ports", Unseen, "the ports of this machine could not be listed", "", ""},
	{"unseen-vpcd", Unseen, "virtual readers of another machine cannot be looked at without putting a card there", "", ""},
	{"unseen-usb", Unseen, "what is on USB could not be asked", "", ""},
}
