using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Emails;

/// <summary>Text with @ means the account that proved the address. Nobody gains by registering somebody else's.</summary>
public sealed class SignInByAddressTests(ProductionMesh mesh)
{
    [Theory]
    [InlineData("ADDRESS")]
    [InlineData("address")]
    [InlineData(" ADDRESS\t")]
    public async Task The_proved_address_signs_in_like_the_name(string form)
    {
        var (user, address) = (await mesh.Gateway.SignUpAsync(), EmailCalls.NewAddress());
        (await mesh.Gateway.LoginAsync(address, user.Password)).AssertError(401, "invalid_credentials");
        await mesh.Database.RequestAsync(user.UserId, address);
        (await mesh.Gateway.LoginAsync(address, user.Password)).AssertError(401, "invalid_credentials"); // a claim is not enough
        await mesh.Database.ProveAsync(user.UserId, address);
        var typed = form.Replace("ADDRESS", address.ToUpperInvariant(), StringComparison.Ordinal)
            .Replace("address", address, StringComparison.Ordinal);

        var answer = await mesh.Gateway.LoginAsync(typed, user.Password);

        Assert.Equal((200, $"Welcome {user.Username}!"), (answer.Status, answer.Message));
        Assert.Equal(user.UserId, answer.AccessToken().UserId());
        (await mesh.Gateway.LoginAsync(typed, "a wrong password")).AssertError(401, "invalid_credentials", "Invalid credentials");
    }

    [Fact]
    public async Task An_attacker_who_registers_a_victims_address_gets_nothing_when_the_victim_proves_it()
    {
        var (attacker, victim, address) = (await mesh.Gateway.SignUpAsync(), await mesh.Gateway.SignUpAsync(), EmailCalls.NewAddress());
        await mesh.Database.RequestAsync(attacker.UserId, address);
        var lure = await mesh.Database.AddProofAsync(attacker.UserId, "VerifyEmail", address);

        // 1. The victim clicks the attacker's mail, in a browser that is signed in to the victim's account.
        (await mesh.Gateway.VerifyEmailAsync(lure, victim.Token)).AssertNoProof();
        Assert.Equal("", await mesh.Database.FindEmailAsync(attacker.UserId));

        // 2. The victim proves the address. The attacker's claim and proof are gone.
        await mesh.Database.RequestAsync(victim.UserId, address);
        var proof = await mesh.Database.AddProofAsync(victim.UserId, "VerifyEmail", address);
        Assert.Equal(200, (await mesh.Gateway.VerifyEmailAsync(proof, victim.Token)).Status);
        (await mesh.Gateway.VerifyEmailAsync(lure, attacker.Token)).AssertNoProof();

        Assert.Equal(victim.UserId, (await mesh.Gateway.LoginAsync(address, victim.Password)).AccessToken().UserId());
        Assert.Equal(("", address), (
            await mesh.Database.FindEmailAsync(attacker.UserId), await mesh.Database.FindEmailAsync(victim.UserId)));
    }

    [Fact]
    public async Task An_attacker_who_registers_a_victims_address_as_a_name_loses_it_when_the_victim_proves_it()
    {
        var address = EmailCalls.NewAddress();
        Assert.Equal(200, (await mesh.Gateway.RegisterAsync(address, "the attacker's words")).Status);
        var attacker = await mesh.Gateway.SignInAsync(address, "the attacker's words");
        var other = EmailCalls.NewAddress();
        await mesh.Database.ProveAsync(attacker.UserId, other);
        var victim = await mesh.Gateway.SignUpAsync();

        // 1. Services never see the name: it is an address that its owner did not prove.
        Assert.Equal(attacker.UserId.ToString(), attacker.Answer.AccessToken().GetClaim("preferred_username").Value);
        Assert.Equal(
            $"You are viewing protected content, {attacker.UserId}!", (await mesh.Gateway.GetAsync("/protected", attacker.Token)).Message);

        // 2. The victim proves the address, which takes the name away.
        await mesh.Database.RequestAsync(victim.UserId, address);
        var proof = await mesh.Database.AddProofAsync(victim.UserId, "VerifyEmail", address);
        Assert.Equal(200, (await mesh.Gateway.VerifyEmailAsync(proof, victim.Token)).Status);

        Assert.Equal(victim.UserId, (await mesh.Gateway.LoginAsync(address, victim.Password)).AccessToken().UserId());
        (await mesh.Gateway.LoginAsync(address, attacker.Password)).AssertError(401, "invalid_credentials");
        var name = (await mesh.Gateway.GetAsync("/account", attacker.Token)).Member("username")!;
        Assert.Matches("^user-[a-z2-7]{13}$", name);
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(name, attacker.Password)).Status);
        Assert.Contains(name, (await mesh.Mails.NextAsync(other)).Text, StringComparison.Ordinal);

        // 3. Nobody can register it as a name again.
        (await mesh.Gateway.RegisterAsync(address, "the attacker's words")).AssertError(409, "username_taken");
    }

    [Fact]
    public async Task A_name_that_is_its_owners_proved_address_appears_in_tokens()
    {
        var address = EmailCalls.NewAddress();
        Assert.Equal(200, (await mesh.Gateway.RegisterAsync(address, SessionCalls.Password)).Status);
        var user = await mesh.Gateway.SignInAsync(address, SessionCalls.Password);
        Assert.Equal(user.UserId.ToString(), user.Answer.AccessToken().GetClaim("preferred_username").Value);
        await mesh.Database.RequestAsync(user.UserId, address);
        var proof = await mesh.Database.AddProofAsync(user.UserId, "VerifyEmail", address);

        Assert.Equal(200, (await mesh.Gateway.VerifyEmailAsync(proof, password: user.Password)).Status);

        Assert.Equal(address, (await mesh.Gateway.RefreshAsync(user.RefreshToken)).AccessToken().GetClaim("preferred_username").Value);
        var again = await mesh.Gateway.LoginAsync(address, user.Password);
        Assert.Equal(address, again.AccessToken().GetClaim("preferred_username").Value);
    }

    [Theory]
    [InlineData("@carol")]
    [InlineData("carol@work")]
    [InlineData("a@b@c.example")]
    public async Task A_name_with_an_at_that_is_no_address_still_signs_in_but_is_not_shown_either(string form)
    {
        var name = form + ProductionMesh.NewName();
        Assert.Equal(200, (await mesh.Gateway.RegisterAsync(name, SessionCalls.Password)).Status);

        var answer = await mesh.Gateway.LoginAsync(name, SessionCalls.Password);

        Assert.Equal((200, $"Welcome {name}!"), (answer.Status, answer.Message));
        Assert.Equal(answer.AccessToken().Subject, answer.AccessToken().GetClaim("preferred_username").Value);
    }
}
