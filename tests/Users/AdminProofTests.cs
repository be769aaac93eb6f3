using System.Text;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Users;

/// <summary>
/// An admin who changes other users has proved within the last hour who they are. On a separate mesh, because the tests create admins.
/// </summary>
[Collection<OnTwoReplicas>]
public sealed class AdminProofTests(TwoReplicas mesh)
{
    private const string Challenge = "Bearer realm=\"authmesh\", error=\"insufficient_user_authentication\", "
        + "error_description=\"Confirm again that it is you\", max_age=\"3600\"";

    public static TheoryData<string, string, string?> Changes => new()
    {
        { "PATCH", "/users/ID", """{"role":"admin"}""" },
        { "DELETE", "/users/ID", null },
        { "DELETE", "/users/ID/sessions", null },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task After_more_than_an_hour_a_change_needs_a_new_proof(string method, string path, string? body)
    {
        var (admin, user) = (await SignInAdminAsync(), await mesh.Gateway.SignUpAsync());
        await mesh.Database.AgeProofAsync(admin.SessionId, TimeSpan.FromMinutes(61)); // the clock skew is half a minute
        var old = (await mesh.Gateway.RefreshAsync(admin.RefreshToken)).Token;

        var refused = await ChangeAsync(old, user, method, path, body);

        refused.AssertError(401, "insufficient_user_authentication", "Confirm again that it is you");
        Assert.Equal(Challenge, refused.Header("WWW-Authenticate"));
        Assert.Equal(200, (await mesh.Gateway.RefreshAsync(user.RefreshToken)).Status);
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/users?limit=1", old)).Status); // reading demands none

        var proved = (await mesh.Gateway.ReauthenticateAsync(old, admin.Password)).Token;
        Assert.Equal(200, (await ChangeAsync(proved, user, method, path, body)).Status);
        Assert.Equal(401, (await mesh.Gateway.RefreshAsync(user.RefreshToken)).Status);
    }

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task A_token_that_claims_a_fresh_proof_is_checked_against_the_session(string method, string path, string? body)
    {
        var (admin, user) = (await SignInAdminAsync(), await mesh.Gateway.SignUpAsync());
        await mesh.Database.AgeProofAsync(admin.SessionId, TimeSpan.FromMinutes(61));

        var refused = await ChangeAsync(admin.Token, user, method, path, body); // minted before

        refused.AssertError(401, "insufficient_user_authentication");
        Assert.Equal(Challenge, refused.Header("WWW-Authenticate"));
        Assert.Equal(200, (await mesh.Gateway.RefreshAsync(user.RefreshToken)).Status);
    }

    [Fact]
    public async Task A_user_without_the_role_is_told_so_and_not_asked_for_a_proof()
    {
        var (user, other) = (await mesh.Gateway.SignUpAsync(), await mesh.Gateway.SignUpAsync());
        await mesh.Database.AgeProofAsync(user.SessionId, TimeSpan.FromDays(1));
        var old = (await mesh.Gateway.RefreshAsync(user.RefreshToken)).Token;

        foreach (var service in new[] { mesh.Gateway, mesh.Replica(0) })
        {
            (await service.CallAsync(HttpMethod.Delete, $"/users/{other.UserId}", old))
                .AssertError(403, "forbidden", "Admin access required");
            (await service.CallAsync(HttpMethod.Delete, $"/users/{other.UserId}", token: null)).AssertError(401, "missing_token");
        }
    }

    private async Task<SignedIn> SignInAdminAsync() =>
        await mesh.Gateway.SignInAsync((await mesh.AddUsersAsync(1, "admin"))[0], SessionCalls.Password);

    private Task<Answer> ChangeAsync(string token, SignedIn user, string method, string path, string? body) => mesh.Gateway.SendAsync(
        new HttpMethod(method), path.Replace("ID", user.UserId.ToString(), StringComparison.Ordinal),
        body is null ? null : new StringContent(body, Encoding.UTF8, "application/json"),
        request => request.Headers.Authorization = new("Bearer", token));
}
