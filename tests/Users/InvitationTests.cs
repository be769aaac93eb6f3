using AuthMesh.Identity.Accounts;
using AuthMesh.Identity.Admin;
using AuthMesh.Tests.Emails;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tests.Users;

/// <summary>Accounts that an admin creates, and resets that an admin gives.</summary>
public sealed class InvitationTests(ProductionMesh mesh)
{
    [Fact]
    public async Task A_mailed_invitation_sets_the_first_password_and_proves_the_address()
    {
        var (admin, name, address) = (await mesh.AdminTokenAsync(), ProductionMesh.NewName(), EmailCalls.NewAddress());
        var rival = await mesh.Gateway.SignUpAsync();
        await mesh.Database.RequestAsync(rival.UserId, address);

        var invited = await InviteAsync(admin, new { username = name, role = "admin", email = address });

        Assert.Equal((201, $"User {name} invited by mail"), (invited.Status, invited.Message));
        Assert.Equal(["status", "message", "user"], invited.Json.EnumerateObject().Select(member => member.Name)); // and no link
        Assert.Equal("admin", invited.Json.GetProperty("user").GetProperty("role").GetString());
        var mail = await mesh.Mails.NextAsync(address);
        Assert.StartsWith(ProductionMesh.Issuer + "/invitation?token=", mail.Link.OriginalString, StringComparison.Ordinal);
        (await mesh.Gateway.LoginAsync(name, "")).AssertError(401, "invalid_credentials"); // no password opens it yet
        Assert.Equal("True", (await mesh.Gateway.PostAsync("/password/reset/show", new { token = mail.Token })).Member("invitation"));

        Assert.Equal(200, (await mesh.Gateway.ResetPasswordAsync(mail.Token)).Status);

        var token = (await mesh.Gateway.LoginAsync(address, EmailCalls.NewPassword)).AccessToken();
        Assert.Equal((address, "admin"), (token.GetClaim("email").Value, token.GetClaim("role").Value));
        Assert.Equal("", (await mesh.Gateway.GetAsync("/account", rival.Token)).Member("requested_email"));
        (await mesh.Gateway.ResetPasswordAsync(mail.Token)).AssertNoProof();
        Assert.Single(mesh.Mails.To(address)); // a first password changes none
        var late = await mesh.Database.AddProofAsync(token.UserId(), "Invitation", address); // a mail that comes twice, or days later
        (await mesh.Gateway.ResetPasswordAsync(late)).AssertNoProof();
        await mesh.Database.ExecuteAsync("UPDATE users SET role = 'user' WHERE id = $1", token.UserId()); // others count the mesh's admins
    }

    [Fact]
    public async Task An_invitation_opens_the_account_although_another_account_proved_the_address_meanwhile()
    {
        var (admin, name, address) = (await mesh.AdminTokenAsync(), ProductionMesh.NewName(), EmailCalls.NewAddress());
        Assert.Equal(201, (await InviteAsync(admin, new { username = name, email = address })).Status);
        var proof = (await mesh.Mails.NextAsync(address)).Token;
        var other = await mesh.Gateway.SignUpAsync();
        await mesh.Database.ProveAsync(other.UserId, address);

        Assert.Equal(200, (await mesh.Gateway.ResetPasswordAsync(proof)).Status);

        var user = await mesh.Gateway.SignInAsync(name, EmailCalls.NewPassword);
        Assert.Equal(("", address), (await mesh.Database.FindEmailAsync(user.UserId), await mesh.Database.FindEmailAsync(other.UserId)));
    }

    [Fact]
    public async Task An_invitation_that_an_admin_handed_out_proves_no_address()
    {
        var (admin, name) = (await mesh.AdminTokenAsync(), ProductionMesh.NewName());

        var invited = await InviteAsync(admin, new { username = name });

        Assert.Equal((201, $"User {name} created. Hand out the link"), (invited.Status, invited.Message));
        Assert.Equal(200, (await mesh.Gateway.ResetPasswordAsync(invited.Member("link")!.Split('=')[1])).Status);
        var user = await mesh.Gateway.SignInAsync(name, EmailCalls.NewPassword);
        Assert.Equal(("", "user"), (await mesh.Database.FindEmailAsync(user.UserId), user.Answer.AccessToken().GetClaim("role").Value));
    }

    [Theory]
    [InlineData("{}", "username")]
    [InlineData("""{"username":""}""", "username")]
    [InlineData("""{"username":"ab"}""", "username")]
    [InlineData("""{"username":"01a206df-fd48-7e5c-bf0e-4b06949bffdd"}""", "username")]
    [InlineData("""{"username":"carol","role":"root","email":"x"}""", "role", "email")]
    public async Task An_invitation_of_another_form_is_refused(string body, params string[] fields)
    {
        var admin = await mesh.AdminTokenAsync();

        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/users", new StringContent(body, System.Text.Encoding.UTF8, "application/json"),
            request => request.Headers.Authorization = new("Bearer", admin));

        answer.AssertError(400, "invalid_request", fields: fields);
    }

    [Fact]
    public async Task A_taken_name_is_refused_also_if_it_is_a_proved_address()
    {
        var (admin, user, address) = (await mesh.AdminTokenAsync(), await mesh.Gateway.SignUpAsync(), EmailCalls.NewAddress());
        await mesh.Database.ProveAsync(user.UserId, address);

        (await InviteAsync(admin, new { username = user.Username.ToUpperInvariant() })).AssertError(409, "username_taken");
        (await InviteAsync(admin, new { username = address })).AssertError(409, "username_taken");
    }

    [Fact]
    public async Task A_reset_goes_to_the_proved_address_and_is_shown_only_where_none_exists()
    {
        var (admin, user, address) = (await mesh.AdminTokenAsync(), await mesh.Gateway.SignUpAsync(), EmailCalls.NewAddress());

        var shown = await ResetAsync(admin, user.UserId);
        Assert.Equal((200, $"Hand this link to {user.Username}. It is good for 30 minutes"), (shown.Status, shown.Message));
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/account", user.Token)).Status); // nothing happens before it is opened

        await mesh.Database.ProveAsync(user.UserId, address);
        var mailed = await ResetAsync(admin, user.UserId);
        Assert.Equal((200, $"We sent {user.Username} a link"), (mailed.Status, mailed.Message));
        Assert.Null(mailed.Member("link"));
        Assert.Equal(200, (await mesh.Gateway.ResetPasswordAsync((await mesh.Mails.NextAsync(address)).Token)).Status);
        (await mesh.Gateway.ResetPasswordAsync(shown.Member("link")!.Split('=')[1])).AssertNoProof();
    }

    [Fact]
    public async Task A_disabled_or_unknown_user_gets_no_reset()
    {
        var (admin, user) = (await mesh.AdminTokenAsync(), await mesh.Gateway.SignUpAsync());
        await mesh.Database.ExecuteAsync("UPDATE users SET disabled_at = now() WHERE id = $1", user.UserId);

        (await ResetAsync(admin, user.UserId)).AssertError(409, "user_disabled");
        (await ResetAsync(admin, Guid.NewGuid())).AssertError(404, "not_found");
        Assert.Equal(0, await mesh.Database.CountProofsAsync(user.UserId));
    }

    [Fact]
    public async Task Both_need_an_admin_with_a_recent_proof()
    {
        var (user, target) = (await mesh.Gateway.SignUpAsync(), await mesh.Gateway.SignUpAsync());
        (await InviteAsync(user.Token, new { username = ProductionMesh.NewName() })).AssertError(403, "forbidden");
        (await ResetAsync(user.Token, target.UserId)).AssertError(403, "forbidden");

        // A token with the role, whose owner lost it or whose proof the row says is old.
        await mesh.Database.ExecuteAsync("UPDATE users SET role = 'admin' WHERE id = $1", user.UserId);
        var token = (await mesh.Gateway.RefreshAsync(user.RefreshToken)).Token;
        await mesh.Database.AgeProofAsync(user.SessionId, TimeSpan.FromMinutes(61));
        (await InviteAsync(token, new { username = ProductionMesh.NewName() })).AssertError(401, "insufficient_user_authentication");
        (await ResetAsync(token, target.UserId)).AssertError(401, "insufficient_user_authentication");
        await mesh.Database.ExecuteAsync("UPDATE users SET role = 'user' WHERE id = $1", user.UserId);
        (await InviteAsync(token, new { username = ProductionMesh.NewName() })).AssertError(403, "forbidden");
        (await ResetAsync(token, target.UserId)).AssertError(403, "forbidden");
        Assert.Equal(0, await mesh.Database.CountProofsAsync(target.UserId));
    }

    [Fact]
    public async Task Where_accounts_are_closed_nobody_is_invited_either()
    {
        var closed = Options.Create(new AccountOptions { Registration = RegistrationMode.Closed });
        var inviteUser = new InviteUser(null!, null!, null!, null!, null!, closed, TimeProvider.System, null!);

        var answer = await inviteUser.RunAsync(
            new InviteUserRequest(ProductionMesh.NewName()), new DefaultHttpContext(), TestContext.Current.CancellationToken);

        Assert.Same(Register.Closed, answer.Result);
    }

    private Task<Answer> InviteAsync(string token, object body) => mesh.Gateway.CallAsync(HttpMethod.Post, "/users", token, body);

    private Task<Answer> ResetAsync(string token, Guid userId) =>
        mesh.Gateway.CallAsync(HttpMethod.Post, $"/users/{userId}/password-reset", token);
}
