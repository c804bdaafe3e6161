package doctor

// noSocketInside says that the socket of the machine outside is not in here.
func (x *exam) noSocketInside() {
	switch x.container() {
	case "flatpak":
		x.find("container-socket", x.socket(), "", "flatpak override --user --socket=pcsc "+quoted(x.m.Getenv("FLATPAK_ID"), "APP"))
	case "snap":
		x.find("container-socket", x.socket(), "", "sudo snap connect "+quoted(x.m.Getenv("SNAP_INSTANCE_NAME"), "SNAP")+":pcscd")
	default:
		x.find("container-socket", x.socket(), "", "")
	}
}
