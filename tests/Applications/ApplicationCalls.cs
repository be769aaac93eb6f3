using System.Net.Http.Json;
using System.Text;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Applications;

/// <summary>An application that a test made.</summary>
internal sealed record MadeApplication(Guid Id, string ClientId, string Secret, Guid SecretId);

internal static class ApplicationCalls
{
    public static Task<Answer> CreateApplicationAsync(this Caller caller, string token, string clientId, params string[] scopes) =>
        caller.CallAsync(HttpMethod.Post, "/applications", token, new { client_id = clientId, scopes });

    /// <summary>Creates an application, which must succeed.</summary>
    public static async Task<MadeApplication> AddApplicationAsync(this Caller caller, string adminToken, params string[] scopes)
    {
        var clientId = "app-" + Guid.NewGuid().ToString("N")[..12];
        var answer = await caller.CreateApplicationAsync(adminToken, clientId, scopes);
        Assert.Equal(201, answer.Status);
        var application = answer.Json.GetProperty("application");
        return new MadeApplication(
            application.GetProperty("id").GetGuid(), clientId, answer.Member("client_secret")!,
            application.GetProperty("secrets")[0].GetProperty("id").GetGuid());
    }

    public static Task<Answer> TokenAsync(this Caller caller, params (string Name, string Value)[] form) => caller.SendAsync(
        HttpMethod.Post, "/token", new FormUrlEncodedContent(form.Select(field => KeyValuePair.Create(field.Name, field.Value))));

    public static Task<Answer> TokenAsync(this Caller caller, MadeApplication application, string? scope = null) => caller.TokenAsync(
        [
            ("grant_type", "client_credentials"), ("client_id", application.ClientId), ("client_secret", application.Secret),
            .. scope is null ? [] : new[] { ("scope", scope) },
        ]);

    /// <summary>Gets a token, which must succeed.</summary>
    public static async Task<string> ServiceTokenAsync(this Caller caller, MadeApplication application, string? scope = null)
    {
        var answer = await caller.TokenAsync(application, scope);
        Assert.Equal(200, answer.Status);
        return answer.Member("access_token")!;
    }

    public static Task<Answer> BasicTokenAsync(this Caller caller, string credentials, string form = "grant_type=client_credentials") =>
        caller.SendAsync(
            HttpMethod.Post, "/token", new StringContent(form, Encoding.UTF8, "application/x-www-form-urlencoded"),
            request => request.Headers.Authorization = new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials))));

    public static Task<Answer> ChangeApplicationAsync(this Caller caller, string token, Guid id, object change) =>
        caller.SendAsync(
            HttpMethod.Patch, $"/applications/{id}", JsonContent.Create(change),
            request => request.Headers.Authorization = new("Bearer", token));

    /// <summary>Asserts an error in the mesh's shape with the members of RFC 6749 §5.2.</summary>
    public static void AssertProtocolError(this Answer answer, int status, string error)
    {
        answer.AssertErrorWith(["error", "error_description"], status, error);
        Assert.Equal((error, answer.Message), (answer.Member("error"), answer.Member("error_description")));
    }
}
