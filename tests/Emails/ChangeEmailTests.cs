using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Emails;

public sealed class ChangeEmailTests(ProductionMesh mesh)
{
    [Fact]
    public async Task A_new_address_replaces_the_old_one_when_it_is_proved_and_the_old_one_is_told()
    {
        var (user, old, address) = (await mesh.Gateway.SignUpAsync(), EmailCalls.NewAddress(), EmailCalls.NewAddress());
        await mesh.Database.ProveAsync(user.UserId, old);

        var answer = await mesh.Gateway.ChangeEmailAsync(user.Token, address);

        Assert.Equal((200, $"We sent a link to {address}. Open it to confirm the address"), (answer.Status, answer.Message));
        var account = await mesh.Gateway.GetAsync("/account", user.Token);
        Assert.Equal((old, address), (account.Member("email"), account.Member("requested_email")));
        Assert.Contains(address, (await mesh.Mails.NextAsync(old)).Text, StringComparison.Ordinal);

        var proof = (await mesh.Mails.NextAsync(address)).Token;
        var reset = await mesh.Database.AddProofAsync(user.UserId, "PasswordReset", old);
        Assert.Equal(200, (await mesh.Gateway.VerifyEmailAsync(proof, user.Token)).Status);
        Assert.Equal(address, await mesh.Database.FindEmailAsync(user.UserId));
        (await mesh.Gateway.ResetPasswordAsync(reset)).AssertNoProof(); // the old mailbox opens nothing any more
    }

    [Fact]
    public async Task Removing_the_address_drops_the_claim_too_and_tells_it()
    {
        var (user, old) = (await mesh.Gateway.SignUpAsync(), EmailCalls.NewAddress());
        await mesh.Database.ProveAsync(user.UserId, old);
        await mesh.Database.ExecuteAsync("UPDATE users SET requested_email = 'another@example.test' WHERE id = $1", user.UserId);

        Assert.Equal(200, (await mesh.Gateway.CallAsync(HttpMethod.Delete, "/account/email", user.Token)).Status);

        var account = await mesh.Gateway.GetAsync("/account", user.Token);
        Assert.Equal(("", "False", ""), (account.Member("email"), account.Member("email_verified"), account.Member("requested_email")));
        Assert.Contains("removed", (await mesh.Mails.NextAsync(old)).Subject, StringComparison.Ordinal);
        Assert.False((await mesh.Gateway.RefreshAsync(user.RefreshToken)).AccessToken().TryGetClaim("email", out _));
    }

    [Fact]
    public async Task An_address_that_is_removed_twice_at_once_is_removed()
    {
        for (var round = 0; round < 5; round++)
        {
            var user = await mesh.Gateway.SignUpAsync();
            await mesh.Database.ProveAsync(user.UserId, EmailCalls.NewAddress());

            var answers = await Together.RunAsync(6, _ => mesh.Gateway.CallAsync(HttpMethod.Delete, "/account/email", user.Token));

            Assert.All(answers, answer => Assert.Equal(200, answer.Status));
        }
    }

    [Theory]
    [InlineData("POST", false)]
    [InlineData("POST", true)]
    [InlineData("DELETE", false)]
    [InlineData("DELETE", true)]
    public async Task An_old_sign_in_and_an_old_token_of_a_confirmed_session_are_refused(string method, bool isConfirmed)
    {
        var (user, address) = (await mesh.Gateway.SignUpAsync(), EmailCalls.NewAddress());
        await mesh.Database.ProveAsync(user.UserId, address);
        await mesh.Database.AgeProofAsync(user.SessionId, TimeSpan.FromMinutes(11));
        var token = (await mesh.Gateway.RefreshAsync(user.RefreshToken)).Token;
        if (isConfirmed)
        {
            Assert.Equal(200, (await mesh.Gateway.ReauthenticateAsync(token, user.Password)).Status);
        }

        object? body = method == "POST" ? new { email = EmailCalls.NewAddress() } : null;
        (await mesh.Gateway.CallAsync(new HttpMethod(method), "/account/email", token, body))
            .AssertError(401, "insufficient_user_authentication");
        (await mesh.Gateway.CallAsync(new HttpMethod(method), "/account/email", isConfirmed ? token : user.Token, body))
            .AssertError(401, "insufficient_user_authentication"); // unconfirmed, the first token is fresh, and the row decides
        Assert.Equal(address, await mesh.Database.FindEmailAsync(user.UserId));

        var confirmed = (await mesh.Gateway.ReauthenticateAsync(token, user.Password)).Token;
        Assert.Equal(200, (await mesh.Gateway.CallAsync(new HttpMethod(method), "/account/email", confirmed, body)).Status);
    }

    [Fact]
    public async Task An_account_with_two_steps_needs_both()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Database.ExecuteAsync("UPDATE users SET two_step = true WHERE id = $1", user.UserId);

        var answer = await mesh.Gateway.ChangeEmailAsync(user.Token, EmailCalls.NewAddress());

        answer.AssertError(401, "insufficient_user_authentication");
        Assert.Contains("acr_values=\"aal2\"", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_same_address_again_is_refused_and_another_spelling_is_not()
    {
        var (user, address) = (await mesh.Gateway.SignUpAsync(), EmailCalls.NewAddress());
        await mesh.Database.ProveAsync(user.UserId, address);

        (await mesh.Gateway.ChangeEmailAsync(user.Token, address)).AssertError(400, "invalid_request", fields: "email");

        var spelling = address.ToUpperInvariant();
        Assert.Equal(200, (await mesh.Gateway.ChangeEmailAsync(user.Token, spelling)).Status);
        var proof = await mesh.Database.AddProofAsync(user.UserId, "VerifyEmail", spelling);
        Assert.Equal(200, (await mesh.Gateway.VerifyEmailAsync(proof, user.Token)).Status);
        Assert.Equal(spelling, await mesh.Database.FindEmailAsync(user.UserId));
    }

    [Theory]
    [InlineData("")]
    [InlineData("no-at.example.test")]
    [InlineData("two@at@example.test")]
    [InlineData(" a@example.test")]
    [InlineData("a@example.test\n")]
    [InlineData("a@example.test\r\nBcc: b@example.test")]
    [InlineData("jürgen@example.test")]
    [InlineData("a@exämple.test")]
    public async Task An_address_of_another_form_is_refused_here_and_at_the_registration(string address)
    {
        var user = await mesh.Gateway.SignUpAsync();

        (await mesh.Gateway.ChangeEmailAsync(user.Token, address)).AssertError(400, "invalid_request", fields: "email");
        (await mesh.Gateway.PostAsync(
            "/register", new { username = ProductionMesh.NewName(), password = SessionCalls.Password, email = address }))
            .AssertError(400, "invalid_request", fields: "email");
    }
}
