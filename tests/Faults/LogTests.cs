using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Faults;

[Collection<OnOwnMesh>]
public sealed class LogTests(OwnMesh mesh)
{
    [Fact]
    public async Task No_log_holds_a_password_a_token_or_a_cookie_after_success_refusal_or_failure()
    {
        await mesh.WholeAsync();
        var (name, password, wrong) = (ProductionMesh.NewName(), $"right-{Guid.NewGuid():N}", $"wrong-{Guid.NewGuid():N}");
        var newPassword = $"new-{Guid.NewGuid():N}";

        // 1. Requests that succeed or are refused.
        Assert.Equal(200, (await mesh.Gateway.RegisterAsync(name, password)).Status);
        Assert.Equal(409, (await mesh.Gateway.RegisterAsync(name, password)).Status);
        var user = await mesh.Gateway.SignInAsync(name, password);
        var token = user.Token;
        var failedLogin = await mesh.Gateway.LoginAsync(name, wrong);
        Assert.Equal(401, failedLogin.Status);
        Assert.Equal(401, (await mesh.Gateway.LoginAsync(password, wrong)).Status); // typed into the wrong field
        Assert.Equal(
            400, (await mesh.Gateway.PostRawAsync(
                "/login", $$"""{"username":"{{name}}","password":"{{password}}","{{wrong}}":1}""")).Status);
        Assert.Equal(
            400, (await mesh.Gateway.PostRawAsync("/register", $$"""{"username":"{{name}}","password":"{{password}}" {{wrong}}""")).Status);
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", token)).Status);
        Assert.Equal(200, (await mesh.Gateway.GetAsync($"/protected?access_token={token}", token)).Status);
        Assert.Equal(403, (await mesh.Gateway.GetAsync("/admin", token)).Status);
        Assert.Equal(401, (await mesh.Gateway.GetAsync("/admin", token[..^8] + "AAAAAAAA")).Status);
        Assert.Equal(404, (await mesh.Gateway.GetAsync($"/nothing/{token}?password={password}", token)).Status);

        var refreshed = await mesh.Gateway.RefreshAsync(user.RefreshToken);
        Assert.Equal(401, (await mesh.Gateway.RefreshAsync(user.RefreshToken[..^8] + "AAAAAAAA")).Status);
        Assert.Equal(400, (await mesh.Gateway.PostRawAsync("/refresh", $$"""{"{{user.RefreshToken}}":1}""")).Status);
        Assert.Equal(404, (await mesh.Gateway.GetAsync($"/refresh/{user.RefreshToken}?cookie={user.Cookie}", token)).Status);
        Assert.Equal(401, (await mesh.Gateway.GetAsync("/protected", user.RefreshToken)).Status);
        Assert.Equal(200, (await mesh.Identity.ExchangeAsync(new { cookie = user.Cookie })).Status);
        Assert.Equal(403, (await mesh.Gateway.ChangePasswordAsync(token, wrong, password)).Status);
        Assert.Equal(403, (await mesh.Gateway.DeleteAccountAsync(token, wrong)).Status);
        var changed = await mesh.Gateway.ChangePasswordAsync(refreshed.Token, password, newPassword);
        Assert.Equal(401, (await mesh.Gateway.RefreshAsync(user.RefreshToken)).Status);
        var replayed = await mesh.Gateway.SignInAsync(name, newPassword);
        await mesh.Gateway.RefreshAsync(replayed.RefreshToken);
        await mesh.Database.AgeStepAsync(replayed.SessionId, 30);
        Assert.Equal(401, (await mesh.Gateway.RefreshAsync(replayed.RefreshToken)).Status);
        Assert.Equal(
            404, (await mesh.Gateway.CallAsync(HttpMethod.Delete, $"/account/sessions/{changed.RefreshToken()}", changed.Token)).Status);

        // 2. Requests while a part is down, which is when exceptions are logged.
        await mesh.Postgres.KillAsync();
        Assert.Equal(503, (await mesh.Gateway.LoginAsync(name, password)).Status);
        Assert.Equal(503, (await mesh.Gateway.RegisterAsync(ProductionMesh.NewName(), password)).Status);
        Assert.Equal(503, (await mesh.Gateway.RefreshAsync(changed.RefreshToken())).Status);
        Assert.Equal(503, (await mesh.Gateway.LogoutAsync(changed.Token, new { refresh_token = changed.RefreshToken() })).Status);
        Assert.Equal(503, (await mesh.Gateway.ChangePasswordAsync(changed.Token, newPassword, password)).Status);
        Assert.Equal(503, (await mesh.Identity.ExchangeAsync(new { cookie = changed.Cookie() })).Status);
        await mesh.Postgres.StartAgainAsync();
        mesh.Mesh.Identity.Kill();
        mesh.Mesh.Resource.Kill();
        await Task.WhenAll(mesh.Mesh.Identity.Exited, mesh.Mesh.Resource.Exited);
        var unanswered = await mesh.Gateway.LoginAsync(name, password);
        Assert.Equal(503, unanswered.Status);
        Assert.Equal(503, (await mesh.Gateway.GetAsync($"/protected?access_token={changed.Token}", changed.Token)).Status);
        await mesh.WholeAsync();
        await Patience.UntilAsync(
            () => mesh.Gateway.LogoutAsync(changed.Token, new { refresh_token = changed.RefreshToken() }), answer => answer.Status == 200);

        var userId = await mesh.Database.ScalarAsync<Guid>("SELECT id FROM users WHERE normalized_username = $1", name);
        // this is the right log, and it has the security events
        await mesh.Mesh.Identity.UntilLoggedAsync($"login_succeeded UserId={userId}");
        await mesh.Mesh.Identity.UntilLoggedAsync($"refresh_reused UserId={userId} SessionId={replayed.SessionId}");
        // An answer's trace id leads to a line of the service that wrote the answer, with the time and the source.
        await mesh.Mesh.Identity.UntilLogMatchesAsync(AnsweredLine("401 invalid_credentials", failedLogin));
        await mesh.Mesh.Gateway.UntilLogMatchesAsync(AnsweredLine("503 [a-z_]+", unanswered));
        Assert.DoesNotMatch(AnsweredLine("401 invalid_credentials", failedLogin), mesh.Mesh.Gateway.Output); // which only forwarded it
        string[] secrets =
        [
            password, wrong, newPassword, .. new[] { user.Answer, refreshed, changed, replayed.Answer }.SelectMany(answer => new[]
            {
                answer.Token, answer.Token.Split('.')[1], answer.Token.Split('.')[2], answer.RefreshToken()["authmesh_rt_".Length..],
                    answer.RefreshToken()[^40..],
            }),
            user.Cookie, changed.Cookie()!, replayed.Cookie,
        ];
        var logs = mesh.Mesh.Services.Select(service => (service.Name, Text: service.Output))
            .Append((Name: "PostgreSQL", Text: await File.ReadAllTextAsync(mesh.Postgres.LogFile, TestContext.Current.CancellationToken)));
        Assert.All(logs, log =>
        {
            Assert.NotEmpty(log.Text);
            Assert.All(secrets, secret => Assert.DoesNotContain(secret, log.Text, StringComparison.Ordinal));
        });
    }

    private static string AnsweredLine(string answer, Answer failure) =>
        $@"(?m)^20[0-9T:.-]+Z info AuthMesh\.Errors\.AnswerLog: Answered {answer} \(/login\) \[{failure.Member("traceId")}\]$";
}
