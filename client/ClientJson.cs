using System.Text.Json.Serialization;
using AuthMesh.Client.Accounts;
using AuthMesh.Client.ApiKeys;
using AuthMesh.Client.Applications;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Passkeys;
using AuthMesh.Client.SecondFactor;
using AuthMesh.Client.Server;
using AuthMesh.Client.Sessions;
using AuthMesh.Client.Terminal;
using AuthMesh.Client.Tour;
using AuthMesh.Client.Users;
using AuthMesh.Client.WebSignIn;

namespace AuthMesh.Client;

// All types that the client reads or writes as JSON. They use no reflection, so that the client can be published as one small native file.
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(Credentials))]
[JsonSerializable(typeof(Registration))]
[JsonSerializable(typeof(AnswerFields))]
[JsonSerializable(typeof(LoginAnswer))]
[JsonSerializable(typeof(LoginDemand))]
[JsonSerializable(typeof(CodeLogin))]
[JsonSerializable(typeof(TotpSetup))]
[JsonSerializable(typeof(TotpConfirmation))]
[JsonSerializable(typeof(RecoveryCodesAnswer))]
[JsonSerializable(typeof(RefreshRequest))]
[JsonSerializable(typeof(Reauthentication))]
[JsonSerializable(typeof(PasswordChange))]
[JsonSerializable(typeof(ForgottenPassword))]
[JsonSerializable(typeof(PasswordReset))]
[JsonSerializable(typeof(PasswordResetAnswer))]
[JsonSerializable(typeof(EmailChange))]
[JsonSerializable(typeof(EmailProof))]
[JsonSerializable(typeof(UserInvitation))]
[JsonSerializable(typeof(LinkAnswer))]
[JsonSerializable(typeof(AccountAnswer))]
[JsonSerializable(typeof(AccountDeletion))]
[JsonSerializable(typeof(SessionsAnswer))]
[JsonSerializable(typeof(PasskeysAnswer))]
[JsonSerializable(typeof(PasskeyName))]
[JsonSerializable(typeof(KeysAnswer))]
[JsonSerializable(typeof(KeyCreation))]
[JsonSerializable(typeof(CreatedKey))]
[JsonSerializable(typeof(ApplicationsAnswer))]
[JsonSerializable(typeof(ApplicationSettings))]
[JsonSerializable(typeof(ShownApplicationDocument))]
[JsonSerializable(typeof(CreatedSecret))]
[JsonSerializable(typeof(SecretsDocument))]
[JsonSerializable(typeof(UsersAnswer))]
[JsonSerializable(typeof(UserAnswer))]
[JsonSerializable(typeof(UserChange))]
[JsonSerializable(typeof(UsersDocument))]
[JsonSerializable(typeof(ServerMetadata))]
[JsonSerializable(typeof(PushedRequest))]
[JsonSerializable(typeof(DeviceCode))]
[JsonSerializable(typeof(TokenAnswer))]
[JsonSerializable(typeof(UserInfo))]
[JsonSerializable(typeof(ProtectedAnswer))]
[JsonSerializable(typeof(WhoAmIDocument))]
[JsonSerializable(typeof(ErrorDocument))]
[JsonSerializable(typeof(DoneDocument))]
[JsonSerializable(typeof(StoredSessions))]
[JsonSerializable(typeof(TourDocument))]
internal sealed partial class ClientJson : JsonSerializerContext;
