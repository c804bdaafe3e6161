package pn532

// serialPorts goes by the names that the drivers give: to ask for the numbers of the
// USB devices needs cgo.
func serialPorts(root string) (list []Candidate, err error) {
	for _, pattern := range []string{"dev/cu.usbserial*", "dev/cu.wchusbserial*", "dev/cu.SLAB_USBtoUART*", "dev/cu.PL2303*"} {
		for _, name := range files(root, pattern) {
			list = append(list, Candidate{Address: "/dev/" + name, Line: "HSU", What: "a USB serial adapter by its name"})
		}
	}
	return list, nil
}

// holders are not known. A port that another program has cannot be opened.
func holders(string, string) []string { return nil }
