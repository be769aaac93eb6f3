using System.Text.Json;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Passkeys;

internal static class PasskeyCalls
{
    public static JsonElement Options(this Answer answer) => answer.Json.GetProperty("options");

    public static string State(this Answer answer) => answer.Member("state")!;

    public static Task<Answer> OfferPasskeyAsync(this Caller caller, string token) =>
        caller.CallAsync(HttpMethod.Post, "/account/passkeys/options", token);

    /// <summary>Adds a passkey: the options, then the authenticator's answer.</summary>
    public static async Task<Answer> AddPasskeyAsync(this Caller caller, string token, SoftwarePasskey passkey, string? name = null)
    {
        var offer = await caller.OfferPasskeyAsync(token);
        Assert.Equal(200, offer.Status);
        return await caller.CallAsync(
            HttpMethod.Post, "/account/passkeys", token, new { name, credential = passkey.Create(offer.Options()), state = offer.State() });
    }

    /// <summary>Registers a new user with a password and a passkey.</summary>
    public static async Task<(SignedIn User, SoftwarePasskey Passkey)> SignUpWithPasskeyAsync(this Caller caller)
    {
        var (user, passkey) = (await caller.SignUpAsync(), new SoftwarePasskey());
        Assert.Equal(200, (await caller.AddPasskeyAsync(user.Token, passkey)).Status);
        return (user, passkey);
    }

    public static Task<Answer> OfferPasskeyLoginAsync(this Caller caller, string? loginToken = null) =>
        caller.PostAsync("/login/passkey/options", loginToken is null ? new { } : new { login_token = loginToken });

    /// <summary>Signs in by passkey: the options, then the signature.</summary>
    public static async Task<Answer> LoginByPasskeyAsync(this Caller caller, SoftwarePasskey passkey, string? loginToken = null)
    {
        var offer = await caller.OfferPasskeyLoginAsync(loginToken);
        Assert.Equal(200, offer.Status);
        return await caller.LoginByPasskeyAsync(passkey.Sign(offer.Options()), offer.State(), loginToken);
    }

    public static Task<Answer> LoginByPasskeyAsync(this Caller caller, object credential, string state, string? loginToken = null) =>
        caller.PostAsync("/login/passkey", Body(credential, state, loginToken));

    /// <summary>How many lines of the log have the event about this user.</summary>
    public static int CountEvents(this ProductionMesh mesh, string kind, Guid userId) => mesh.Mesh.Identity.Output.Split('\n').Count(
        line => line.Contains(kind, StringComparison.Ordinal) && line.Contains(userId.ToString(), StringComparison.Ordinal));

    private static object Body(object credential, string state, string? loginToken) => loginToken is null
        ? new { credential, state } : new { credential, state, login_token = loginToken };
}
