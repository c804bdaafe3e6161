package pkcs11

// functions are those of CK_FUNCTION_LIST that this package calls, and where they
// stand in it.
var functions = [...]struct {
	name string
	at   int
}{
	{"C_Initialize", 0}, {"C_Finalize", 1}, {"C_GetSlotList", 4}, {"C_GetTokenInfo", 6},
	{"C_OpenSession", 12}, {"C_CloseSession", 13}, {"C_GetSessionInfo", 15}, {"C_Login", 18},
	{"C_GetAttributeValue", 24}, {"C_FindObjectsInit", 26}, {"C_FindObjects", 27}, {"C_FindObjectsFinal", 28},
	{"C_EncryptInit", 29}, {"C_Encrypt", 30}, {"C_DecryptInit", 33}, {"C_Decrypt", 34}, {"C_SignInit", 42}, {"C_Sign", 43},
}

const (
	fInitialize = iota
	fFinalize
	fGetSlotList
	fGetTokenInfo
	fOpenSession
	fCloseSession
	fGetSessionInfo
	fLogin
	fGetAttributeValue
	fFindObjectsInit
	fFindObjects
	fFindObjectsFinal
	fEncryptInit
	fEncrypt
	fDecryptInit
	fDecrypt
	fSignInit
	fSign
)
