using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Pages;

namespace AuthMesh.Tests.OpenId;

internal static class DeviceCalls
{
    public const string Grant = "urn:ietf:params:oauth:grant-type:device_code";

    /// <summary>Registers an application that devices use, which must succeed.</summary>
    public static Task<RegisteredClient> AddDeviceClientAsync(this Caller caller, string adminToken, object? settings = null) =>
        caller.AddClientAsync(adminToken, "native", settings ?? new { grants = (string[])[Grant, "refresh_token"] });

    /// <summary>A device asks for a code.</summary>
    public static Task<Answer> AuthorizeDeviceAsync(
        this Caller caller, RegisteredClient client, string? scope = "openid profile mesh", params (string, string)[] more) =>
        caller.FormAsync(
            "/device_authorization", [.. client.Credentials, .. scope is null ? [] : ((string, string)[])[("scope", scope)], .. more]);

    /// <summary>A device gets a code, which must succeed.</summary>
    public static async Task<Answer> BeginDeviceAsync(
        this Caller caller, RegisteredClient client, string? scope = "openid profile mesh")
    {
        var answer = await caller.AuthorizeDeviceAsync(client, scope);
        Assert.True(answer.Status == 200, answer.ToString());
        return answer;
    }

    /// <summary>A device asks whether its user has decided.</summary>
    public static Task<Answer> AskAsync(this Caller caller, RegisteredClient client, Answer begun, params (string, string)[] more) =>
        caller.TokenAsync([("grant_type", Grant), ("device_code", begun.DeviceCode()), .. client.Credentials, .. more]);

    public static string DeviceCode(this Answer begun) => begun.Member("device_code")!;

    public static string UserCode(this Answer begun) => begun.Member("user_code")!;

    /// <summary>A person types the code, and sees what the device asks for.</summary>
    public static Task<Answer> TypeCodeAsync(this Visitor visitor, string code) => visitor.PostAsync("/device", ("user_code", code));

    public static Task<Answer> DecideAsync(this Visitor visitor, Answer begun, string decision) =>
        visitor.PostAsync("/device", ("user_code", begun.UserCode()), ("decision", decision));

    /// <summary>A person allows what a device asks for, which must succeed.</summary>
    public static async Task AllowAsync(this Visitor visitor, Answer begun)
    {
        var answer = await visitor.DecideAsync(begun, "allow");
        Assert.Equal((303, "/device?done=device-allowed"), (answer.Status, answer.Header("Location")));
    }

    /// <summary>Lets the time pass that a device has to wait.</summary>
    public static async Task PassIntervalAsync(this Database database, Answer begun) => Assert.Equal(1, await database.ExecuteAsync(
        $"UPDATE device_authorizations SET next_poll_at = now() WHERE {OfCode}", begun.DeviceCode()));

    public static async Task ExpireAsync(this Database database, Answer begun) => Assert.Equal(1, await database.ExecuteAsync(
        $"UPDATE device_authorizations SET expires_at = now() WHERE {OfCode}", begun.DeviceCode()));

    /// <summary>Every column of a waiting device, so that a change of one shows; empty if no row is left.</summary>
    public static Task<string> DumpDeviceAsync(this Database database, Answer begun) => database.ScalarAsync<string>(
        $"SELECT coalesce(max(d::text), '') FROM device_authorizations d WHERE {OfCode}", begun.DeviceCode());

    public static void AssertOk(this Answer answer) => Assert.True(answer.Status == 200, answer.ToString());

    private const string OfCode = "device_code_hash = sha256($1::text::bytea)";
}
