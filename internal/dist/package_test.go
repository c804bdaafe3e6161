package dist

import (
	"os/exec"
	"testing"
)

// Versions sort as those of tags do, for dpkg and rpm.
func TestPackageVersions(t *testing.T) {
	order := []string{"0.0.0-20251128000349-df73248d0ec3", "0.0.0-20261128000349-af73248d0ec3", "0.3.0-alpha.1", "0.3.0-rc.1", "0.3.0-rc.1.0.20261128000349-df73248d0ec3", "0.3.0", "0.3.1-0.20261128000349-df73248d0ec3", "0.3.1", "0.10.0"}
	for i := 1; i < len(order); i++ {
		older, newer := (&release{version: order[i-1]}).packageVersion(), (&release{version: order[i]}).packageVersion()
		needs(t, "dpkg", "rpm")
		if err := exec.Command("dpkg", "--compare-versions", older+"-1", "lt", newer+"-1").Run(); err != nil {
			t.Errorf("dpkg: %s is not older than %s", older, newer)
		}
		if got := run(t, ".", "rpm", "--eval", `%{lua: print(rpm.vercmp("`+older+`", "`+newer+`"))}`); got != "-1\n" {
			t.Errorf("rpm: %s compared with %s is %q", older, newer, got)
		}
	}
}
