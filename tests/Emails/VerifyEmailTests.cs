using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Emails;

/// <summary>A link in a mail proves an address, but only to the account that asked for it.</summary>
public sealed class VerifyEmailTests(ProductionMesh mesh)
{
    [Fact]
    public async Task The_link_of_the_mail_after_a_registration_proves_the_address()
    {
        var (name, address) = (ProductionMesh.NewName(), EmailCalls.NewAddress());

        var registered = await mesh.Gateway.PostAsync(
            "/register", new { username = name, password = SessionCalls.Password, email = address });

        Assert.Equal((200, $"User {name} registered successfully"), (registered.Status, registered.Message));
        var user = await mesh.Gateway.SignInAsync(name, SessionCalls.Password);
        Assert.False(user.Answer.AccessToken().TryGetClaim("email", out _));
        var mail = await mesh.Mails.NextAsync(address);
        Assert.StartsWith(ProductionMesh.Issuer + "/verify-email?token=", mail.Link.OriginalString, StringComparison.Ordinal);

        var shown = await mesh.Gateway.CallAsync(HttpMethod.Post, "/email/verify/show", user.Token, new { token = mail.Token });
        Assert.Equal(
            (200, name, address, "True"), (shown.Status, shown.Member("username"), shown.Member("email"), shown.Member("signed_in")));
        var verified = await mesh.Gateway.VerifyEmailAsync(mail.Token, user.Token);

        Assert.Equal((200, $"{address} is the address of {name} now"), (verified.Status, verified.Message));
        var account = await mesh.Gateway.GetAsync("/account", user.Token);
        Assert.Equal((address, "True", ""), (account.Member("email"), account.Member("email_verified"), account.Member("requested_email")));
        var token = (await mesh.Gateway.RefreshAsync(user.RefreshToken)).AccessToken();
        Assert.Equal((address, "true"), (token.GetClaim("email").Value, token.GetClaim("email_verified").Value));
        (await mesh.Gateway.VerifyEmailAsync(mail.Token, user.Token)).AssertNoProof();
    }

    [Fact]
    public async Task The_password_of_the_account_counts_as_well_as_its_session()
    {
        var (user, address, proof) = await AskAsync();

        (await mesh.Gateway.VerifyEmailAsync(proof, password: "a wrong password")).AssertError(403, "wrong_password");
        Assert.Equal("", await mesh.Database.FindEmailAsync(user.UserId));

        Assert.Equal(200, (await mesh.Gateway.VerifyEmailAsync(proof, password: user.Password)).Status);
        Assert.Equal(address, await mesh.Database.FindEmailAsync(user.UserId));
    }

    [Fact]
    public async Task A_browser_that_is_signed_in_needs_only_the_link()
    {
        var (user, address, proof) = await AskAsync();
        var browser = new Browser(mesh.Gateway) { Cookie = user.Answer.Header("Set-Cookie")!.Split(';')[0] };

        Assert.Equal(200, (await browser.PostAsync("/email/verify", new { token = proof })).Status);

        Assert.Equal(address, await mesh.Database.FindEmailAsync(user.UserId));
    }

    [Fact]
    public async Task The_link_alone_and_another_accounts_session_or_password_change_nothing()
    {
        var (user, address, proof) = await AskAsync();
        var other = await mesh.Gateway.SignUpAsync();
        var (before, otherBefore) = (await mesh.Database.RowAsync(user.UserId), await mesh.Database.RowAsync(other.UserId));

        (await mesh.Gateway.VerifyEmailAsync(proof)).AssertNoProof();
        (await mesh.Gateway.VerifyEmailAsync(proof, other.Token)).AssertNoProof();
        (await mesh.Gateway.VerifyEmailAsync(proof, other.Token, "not the password of anybody")).AssertError(403, "wrong_password");
        Assert.Equal(200, (await mesh.Gateway.PostAsync("/email/verify/show", new { token = proof })).Status);

        Assert.Equal((before, otherBefore), (await mesh.Database.RowAsync(user.UserId), await mesh.Database.RowAsync(other.UserId)));
        Assert.Equal(200, (await mesh.Gateway.VerifyEmailAsync(proof, user.Token)).Status); // and the proof was not consumed
        Assert.Equal(address, await mesh.Database.FindEmailAsync(user.UserId));
    }

    public static TheoryData<string> VoidProofs => new(
        "UPDATE account_proofs SET expires_at = now() WHERE user_id = $1", "DELETE FROM account_proofs WHERE user_id = $1",
        "UPDATE users SET factors_epoch = factors_epoch + 1 WHERE id = $1", "UPDATE users SET disabled_at = now() WHERE id = $1",
        "UPDATE users SET requested_email = 'another@example.test' WHERE id = $1", "UPDATE users SET requested_email = NULL WHERE id = $1",
        "UPDATE account_proofs SET purpose = 'PasswordReset' WHERE user_id = $1",
        "UPDATE account_proofs SET purpose = 'Invitation' WHERE user_id = $1",
        "UPDATE account_proofs SET address = NULL WHERE user_id = $1");

    [Theory]
    [MemberData(nameof(VoidProofs))]
    public async Task A_void_proof_gets_the_one_answer_and_proves_nothing(string sql)
    {
        var (user, _, proof) = await AskAsync();
        Assert.Equal(1, await mesh.Database.ExecuteAsync(sql, user.UserId));

        (await mesh.Gateway.VerifyEmailAsync(proof, password: user.Password)).AssertNoProof();
        (await mesh.Identity.VerifyEmailAsync(proof, user.Token)).AssertNoProof();
        (await mesh.Gateway.PostAsync("/email/verify/show", new { token = proof })).AssertNoProof();
        (await mesh.Gateway.PostAsync("/email/disown", new { token = proof })).AssertNoProof();

        Assert.Equal("", await mesh.Database.FindEmailAsync(user.UserId));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("ABCDEFGHIJKLMNOPQRSTUVWXYZ")]
    [InlineData("abcdefghijklmnopqrstuvwxy1")]
    [InlineData("abcdefghijklmnopqrstuvwxy\u0000")]
    [InlineData("abcdefghijklmnopqrstuvwxyz234567")]
    [InlineData(" abcdefghijklmnopqrstuvwxy")]
    [InlineData("abcdefghijklmnopqrstuvwxyz")] // well-formed, and nobody's
    public async Task An_invented_proof_gets_the_one_answer(string proof)
    {
        (await mesh.Gateway.VerifyEmailAsync(proof, password: "a password")).AssertNoProof();
        (await mesh.Gateway.PostAsync("/email/verify/show", new { token = proof })).AssertNoProof();
        (await mesh.Gateway.PostAsync("/email/disown", new { token = proof })).AssertNoProof();
        (await mesh.Gateway.ResetPasswordAsync(proof)).AssertNoProof();
        (await mesh.Gateway.PostAsync("/password/reset/show", new { token = proof })).AssertNoProof();
    }

    [Fact]
    public async Task The_mailboxs_owner_can_say_that_it_is_not_their_account()
    {
        var (user, _, proof) = await AskAsync();

        Assert.Equal(200, (await mesh.Gateway.PostAsync("/email/disown", new { token = proof })).Status);

        Assert.Equal("", (await mesh.Gateway.GetAsync("/account", user.Token)).Member("requested_email"));
        (await mesh.Gateway.VerifyEmailAsync(proof, user.Token)).AssertNoProof();
        (await mesh.Gateway.PostAsync("/email/disown", new { token = proof })).AssertNoProof();
    }

    [Fact]
    public async Task A_proved_address_drops_the_claims_of_all_others_in_any_case()
    {
        var (user, address, proof) = await AskAsync();
        var other = await mesh.Gateway.SignUpAsync();
        await mesh.Database.RequestAsync(other.UserId, address.ToUpperInvariant());
        var late = await mesh.Database.AddProofAsync(other.UserId, "VerifyEmail", address.ToUpperInvariant());

        Assert.Equal(200, (await mesh.Gateway.VerifyEmailAsync(proof, user.Token)).Status);

        Assert.Equal("", (await mesh.Gateway.GetAsync("/account", other.Token)).Member("requested_email"));
        (await mesh.Gateway.VerifyEmailAsync(late, other.Token)).AssertNoProof();

        // A claim that is made afterwards does not help: the address has one owner, who alone reads this answer.
        await mesh.Database.RequestAsync(other.UserId, address.ToLowerInvariant());
        var later = await mesh.Database.AddProofAsync(other.UserId, "VerifyEmail", address.ToLowerInvariant());
        (await mesh.Gateway.VerifyEmailAsync(later, other.Token)).AssertError(409, "email_taken");
        Assert.Equal((address, ""), (await mesh.Database.FindEmailAsync(user.UserId), await mesh.Database.FindEmailAsync(other.UserId)));
    }

    private async Task<(SignedIn User, string Address, string Proof)> AskAsync()
    {
        var (user, address) = (await mesh.Gateway.SignUpAsync(), EmailCalls.NewAddress());
        await mesh.Database.RequestAsync(user.UserId, address);
        return (user, address, await mesh.Database.AddProofAsync(user.UserId, "VerifyEmail", address));
    }
}
