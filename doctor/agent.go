package doctor

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
)

const agentUnit = "desfire-agent.service"

// agentShow asks systemd what the service of the agent sees of the machine.
var agentShow = []string{"show", agentUnit, "--property=LoadState,ActiveState,UnitFileState,PrivateDevices,DevicePolicy,DeviceAllow"}

// agent finds out whether the service desfire-agent may use a port that this user may
// use. One that serves readers of PC/SC alone needs none.
func (x *exam) agent(p port) {
	if x.m.System() != "linux" || !x.systemd() || x.container() != "" ||
		x.first("etc/systemd/system/"+agentUnit, "usr/lib/systemd/system/"+agentUnit, "lib/systemd/system/"+agentUnit) == "" {
		return
	}
	out, err := ask(x, question, func(ctx context.Context) (string, error) { return x.m.Run(ctx, "systemctl", agentShow...) })
	if err != nil {
		x.find("unseen-systemd", "systemctl", "what the service desfire-agent sees could not be asked: "+err.Error(), "")
		return
	}
	has := map[string][]string{}
	for line := range strings.Lines(strings.ReplaceAll(out, "\r", "")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		has[name] = append(has[name], value)
	}
	is := func(name, value string) bool { return slices.Contains(has[name], value) }
	if !is("LoadState", "loaded") || is("ActiveState", "inactive") && !is("UnitFileState", "enabled") || x.lets(has, p) {
		return
	}
	id, flags := "agent-devices", "etc/desfire/agent.env"
	switch text, err := fs.ReadFile(x.files, flags); {
	case errors.Is(err, fs.ErrNotExist): // it has no flags
		return
	case err != nil: // root alone can tell
		id = "agent-sandbox"
	case !strings.Contains(string(text), "pn532"):
		return
	}
	dropIn := agentUnit + ".d/pn532-" + map[string]string{"HSU": "serial", "I2C": "i2c", "SPI": "spi"}[p.line] + ".conf"
	x.find(id, agentUnit, "", "sudo install -D -m 644 /usr/share/doc/desfire/examples/"+dropIn+" /etc/systemd/system/"+dropIn+" && sudo systemctl daemon-reload && sudo systemctl restart "+agentUnit)
}

// lets reports whether settings of a unit let it use a port.
func (x *exam) lets(has map[string][]string, p port) bool {
	if !slices.Contains(has["PrivateDevices"], "no") {
		return false
	}
	target := x.target(p.device)
	class := map[string]string{"HSU": "char-" + strings.TrimRight(path.Base(target), "0123456789"), "I2C": "char-i2c", "SPI": "char-spi"}[p.line]
	allow := slices.DeleteFunc(slices.Clone(has["DeviceAllow"]), func(s string) bool { return s == "" })
	if len(allow) == 0 {
		return !slices.Contains(has["DevicePolicy"], "closed") && !slices.Contains(has["DevicePolicy"], "strict")
	}
	return slices.ContainsFunc(allow, func(rule string) bool {
		device, rights, _ := strings.Cut(rule, " ")
		fits, _ := path.Match(device, class)
		return (fits || device == p.device || device == target) && strings.Contains(rights, "r") && strings.Contains(rights, "w")
	})
}

// privateDevices reports whether this program runs in a service whose unit hides the
// devices of the machine: its /dev is a file system of its own.
func (x *exam) privateDevices() bool {
	kind := ""
	for line := range strings.Lines(x.read("proc/self/mountinfo")) {
		// 36 35 98:0 /root /point options tags... - type source options: proc_pid_mountinfo(5)
		fields := strings.Fields(line)
		if end := slices.Index(fields, "-"); len(fields) > 4 && end > 4 && len(fields) > end+1 && fields[4] == "/dev" {
			kind = fields[end+1] // the last one is in front
		}
	}
	return kind == "tmpfs" && x.systemd() && x.container() == ""
}
