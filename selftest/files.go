package selftest

import (
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// fileSteps create, list and delete files.
func fileSteps(g wire.Generation) []step {
	if !classic(g) {
		return nil
	}
	steps := []step{
		{id: "file.create", title: "files of every type, and what their settings say", source: "8", run: fileCreate},
		{id: "file.parameters", title: "files that cannot be", source: "8", run: fileParameters},
		{id: "file.delete", title: "DeleteFile", source: "8", run: fileDelete},
		{id: "file.count", title: "as many files as the generation has numbers", source: "3.11, C-24", run: fileCount},
		{id: "file.memory-full", title: "a file that is larger than the card", source: "4.1", run: fileMemoryFull},
		{id: "file.wrong-type", title: "commands on files of another type", source: "9, HN 2", run: fileWrongType},
	}
	return append(steps, when(g, wire.FeatureISOFiles,
		step{id: "file.iso-identifiers", title: "files with ISO identifiers, where they must have one", source: "8", run: fileISO})...)
}

func fileCreate(t *trial) {
	t.freeApp()
	files := []wire.Request[*wire.Empty]{stdFile(0x123), backupFile(0x21), valueFile(), linearFile(5, 7), cyclicFile(6, 8)}
	t.create(files...)
	t.equal("the files", do(t, &wire.GetFileIDs{}).Files, []wire.FileNo{fileStd, fileBackup, fileValue, fileLinear, fileCyclic})
	for _, f := range files {
		no, want := settingsOf(f)
		got := *t.settings(no)
		if len(got.Additional) == 0 {
			got.Additional = nil
		}
		t.equal("the settings of file "+no.String(), got, want)
	}
	t.value(100)
	t.holds(fileStd, 0, make([]byte, 0x123)) // of the size it was created with
	t.holds(fileBackup, 0, make([]byte, 0x21))
	t.picc()
	t.refuses(&wire.GetFileSettings{File: fileStd}, wire.StatusPermissionDenied)
	st := t.refuses(stdFile(8), wire.StatusPermissionDenied)
	t.observe("create-file.card-level", "CreateStdDataFile at the card level", "%04X", uint16(st))
}

func fileParameters(t *trial) {
	t.freeApp()
	t.create(stdFile(8))
	t.refuses(stdFile(8), wire.StatusDuplicateError)
	bad := []wire.Command{
		&wire.CreateStdDataFile{File: 7, Access: allFree},                                    // size 0
		&wire.CreateStdDataFile{File: 0x20, Access: allFree, Size: 8},                        // number
		&wire.CreateBackupDataFile{File: 7, Option: 0x04, Access: allFree, Size: 8},          // reserved bit
		&wire.CreateValueFile{File: 7, Access: allFree, Lower: 5, Upper: 4, Value: 5},        // limits
		&wire.CreateValueFile{File: 7, Access: allFree, Upper: 10, Value: 11},                // value
		&wire.CreateLinearRecordFile{File: 7, Access: allFree, RecordSize: 0, MaxRecords: 1}, // size 0
		&wire.CreateLinearRecordFile{File: 7, Access: allFree, RecordSize: 1, MaxRecords: 0}, // none
		&wire.CreateCyclicRecordFile{File: 7, Access: allFree, RecordSize: 1, MaxRecords: 1}, // one
	}
	for _, b := range bad {
		t.refuses(b, wire.StatusParameterError)
	}
	_, st := t.send(0xCD, 7, 0, 0xEE, 0xEE, 8, 0)
	t.expect("CreateStdDataFile that is too short", st, wire.StatusLengthError)
	t.equal("the files", do(t, &wire.GetFileIDs{}).Files, []wire.FileNo{fileStd})
}

func fileDelete(t *trial) {
	t.freeApp()
	t.create(stdFile(8), valueFile())
	t.refuses(&wire.DeleteFile{File: fileBackup}, wire.StatusFileNotFound)
	do(t, &wire.DeleteFile{File: fileStd})
	t.equal("the files", do(t, &wire.GetFileIDs{}).Files, []wire.FileNo{fileValue})
	t.refuses(&wire.ReadData{File: fileStd, Length: 1}, wire.StatusFileNotFound)
	t.refuses(&wire.WriteData{File: fileStd, Data: []byte{1}}, wire.StatusFileNotFound)
	t.refuses(&wire.GetFileSettings{File: fileStd}, wire.StatusFileNotFound)
	t.create(stdFile(12)) // the number is free again
	t.equal("the size of the new file", t.settings(fileStd).Size, uint32(12))
	t.picc()
	t.refuses(&wire.DeleteFile{File: fileStd}, wire.StatusPermissionDenied)
}

func fileCount(t *trial) {
	most := wire.FileNo(32)
	if t.gen == wire.D40 {
		most = 16
	}
	t.freeApp()
	for no := range most {
		do(t, &wire.CreateStdDataFile{File: no, Access: allFree, Size: 1})
	}
	t.equal("the number of files", len(do(t, &wire.GetFileIDs{}).Files), int(most))
	st := t.refuses(&wire.CreateStdDataFile{File: most, Access: allFree, Size: 1}, wire.StatusParameterError, wire.StatusCountError)
	t.observe("file.one-too-many", "a file number beyond the last", "%04X", uint16(st))
	t.write(most-1, 0, []byte{0x5A})
	t.holds(most-1, 0, []byte{0x5A})
	t.holds(0, 0, []byte{0})
}

func fileMemoryFull(t *trial) {
	t.freeApp()
	t.refuses(stdFile(0xFFFFFF), wire.StatusOutOfEEPROM)
	t.create(stdFile(32)) // nothing was taken
	t.holds(fileStd, 0, make([]byte, 32))
}

func fileWrongType(t *trial) {
	t.freeApp()
	t.create(stdFile(8), valueFile(), linearFile(4, 2))
	for _, c := range []wire.Command{
		&wire.ReadData{File: fileValue, Length: 1},
		&wire.WriteData{File: fileLinear, Data: []byte{1}},
		&wire.GetValue{File: fileStd},
		&wire.Credit{File: fileStd, Amount: 1},
		&wire.Debit{File: fileLinear, Amount: 1},
		&wire.ReadRecords{File: fileStd},
		&wire.WriteRecord{File: fileValue, Data: []byte{1}},
		&wire.ClearRecordFile{File: fileStd},
	} {
		t.refuses(c, wire.StatusPermissionDenied)
	}
}

func fileISO(t *trial) {
	t.makeApp(&wire.CreateApplication{AID: appA, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyDES, 1) | wire.SettISOFiles, FID: 0xF501})
	std := stdFile(8)
	t.refuses(std, wire.StatusLengthError) // without an identifier
	std.FID = 0xE101
	back, lin := backupFile(8), linearFile(4, 2)
	back.FID, lin.FID = 0xE102, 0xE103
	t.create(std, back, valueFile(), lin)
	t.equal("the identifiers", do(t, &wire.GetISOFileIDs{}).FIDs, []wire.ISOFID{0xE101, 0xE102, 0xE103})
	t.refuses(&wire.CreateStdDataFile{File: 9, FID: 0xE102, Access: allFree, Size: 8}, wire.StatusDuplicateError)
	do(t, &wire.DeleteFile{File: fileBackup})
	t.equal("the identifiers", do(t, &wire.GetISOFileIDs{}).FIDs, []wire.ISOFID{0xE101, 0xE103})
	do(t, &wire.CreateStdDataFile{File: 9, FID: 0xE102, Access: allFree, Size: 8})
	t.picc()
	t.refuses(&wire.GetISOFileIDs{}, wire.StatusPermissionDenied)
	do(t, desApp(appB))
	t.enter(appB)
	withID := stdFile(8)
	withID.FID = 0xE101
	t.refuses(withID, wire.StatusLengthError) // files here have none
}

// fileSettingsSteps are about ChangeFileSettings.
func fileSettingsSteps(g wire.Generation) []step {
	if !classic(g) {
		return nil
	}
	var steps []step
	for _, c := range channels(g) {
		steps = append(steps, step{
			id: "settings.change." + c.name, title: "ChangeFileSettings in a session by " + c.name, source: "8",
			run: func(t *trial) { settingsChange(t, c) },
		})
	}
	steps = append(steps,
		step{id: "settings.free", title: "ChangeFileSettings where it is free", source: "5.1, 8", run: settingsFree},
		step{id: "settings.rights", title: "who may change the settings of a file", source: "4.2, 8", run: settingsRights})
	return append(steps, when(g, wire.FeatureAdditionalAR,
		step{id: "settings.additional-rights", title: "several sets of access rights", source: "3.8", run: settingsAdditional})...)
}

func settingsChange(t *trial, c channel) {
	k3 := t.appFor(c)
	t.create(&wire.CreateStdDataFile{File: fileStd, Option: wire.OptionPlain, Access: wire.AccessRightsFromUint16(0x3333), Size: 16})
	t.login(c.method, 3, k3)
	t.write(fileStd, 0, pattern(16, 1))
	for _, mode := range []wire.FileOption{wire.OptionMAC, wire.OptionFull, wire.OptionPlain, wire.OptionFull} {
		do(t, &wire.ChangeFileSettings{File: fileStd, Option: mode, Access: wire.AccessRightsFromUint16(0x3333)})
		fs := *t.settings(fileStd)
		t.equal("the mode", fs.Comm(), mode.Comm())
		t.know(fileStd, fs)
		t.holds(fileStd, 0, pattern(16, 1))
	}
	do(t, &wire.ChangeFileSettings{File: fileStd, Option: wire.OptionFull, Access: wire.AccessRightsFromUint16(0x12E0)})
	t.equal("the rights", t.settings(fileStd).Access, wire.AccessRightsFromUint16(0x12E0))
	t.refuses(&wire.ChangeFileSettings{File: fileStd, Option: wire.OptionFull, Access: allFree}, wire.StatusAuthenticationError)
}

func settingsFree(t *trial) {
	t.freeApp()
	t.create(stdFile(16))
	do(t, &wire.ChangeFileSettings{File: fileStd, Option: wire.OptionMAC, Access: wire.AccessRightsFromUint16(0xE1EE)})
	fs := t.settings(fileStd)
	t.equal("the mode", fs.Comm(), wire.CommMAC)
	t.equal("the rights", fs.Access, wire.AccessRightsFromUint16(0xE1EE))
	t.refuses(&wire.ChangeFileSettings{File: fileStd, Option: 0x04, Access: allFree}, wire.StatusParameterError)
	t.equal("the mode after a refusal", t.settings(fileStd).Comm(), wire.CommMAC)
	t.refuses(&wire.ChangeFileSettings{File: 9, Access: allFree}, wire.StatusFileNotFound)
}

func settingsRights(t *trial) {
	m, z := methodOf(t.gen, key.TypeDES), zero(wire.KeyDES)
	t.freeApp()
	t.create(&wire.CreateStdDataFile{File: fileStd, Access: wire.AccessRightsFromUint16(0xEEE2), Size: 8},
		&wire.CreateStdDataFile{File: 8, Access: wire.AccessRightsFromUint16(0xEEEF), Size: 8})
	change := func(no wire.FileNo) *wire.ChangeFileSettings {
		return &wire.ChangeFileSettings{File: no, Option: wire.OptionMAC, Access: allFree}
	}
	st := t.refuses(change(fileStd), wire.StatusAuthenticationError, wire.StatusLengthError)
	t.observe("settings.no-session", "ChangeFileSettings in plain where a key is needed", "%04X", uint16(st))
	t.login(m, 1, z)
	t.refuses(change(fileStd), wire.StatusAuthenticationError)
	t.enter(appA)
	t.login(m, 0, z) // the master key is no exception
	t.refuses(change(fileStd), wire.StatusAuthenticationError)
	t.enter(appA)
	t.login(m, 0, z)
	t.refuses(change(8), wire.StatusPermissionDenied)
	t.enter(appA)
	t.login(m, 2, z)
	do(t, change(fileStd))
	t.equal("the mode", t.settings(fileStd).Comm(), wire.CommMAC)
}

func settingsAdditional(t *trial) {
	z := zero(wire.KeyAES)
	t.newApp(wire.KeyAES, 5, wire.SettDefault)
	t.create(&wire.CreateStdDataFile{File: fileStd, Option: wire.OptionFull, Access: wire.AccessRightsFromUint16(0x1FF0), Size: 16})
	t.login(key.MethodEV2First, 0, z)
	sets := []wire.AccessRights{wire.AccessRightsFromUint16(0xF2FF), wire.AccessRightsFromUint16(0x3FFF)}
	do(t, &wire.ChangeFileSettings{File: fileStd, Option: wire.OptionFull, Access: wire.AccessRightsFromUint16(0x1FF0), Additional: sets})
	fs := *t.settings(fileStd)
	t.equal("the additional rights", fs.Additional, sets)
	t.know(fileStd, fs)
	for no, want := range map[wire.KeyNo][2]bool{1: {true, false}, 2: {false, true}, 3: {true, false}, 4: {false, false}} {
		for i, cmd := range []wire.Command{&wire.ReadData{File: fileStd, Length: 16}, &wire.WriteData{File: fileStd, Data: pattern(16, byte(no))}} {
			t.enter(appA)
			t.login(key.MethodEV2First, no, z)
			if want[i] {
				t.ok(t.card.Run(t.ctx, cmd, cmd.Spec().NewResponse()), describe(cmd)+" with key "+no.String())
			} else {
				t.refuses(cmd, wire.StatusAuthenticationError)
			}
		}
	}
}
