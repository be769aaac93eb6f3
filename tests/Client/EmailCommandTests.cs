using AuthMesh.Tests.Emails;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Client;

/// <summary>The commands for addresses, forgotten passwords and invitations.</summary>
public sealed class EmailCommandTests(ProductionMesh mesh) : IDisposable
{
    private readonly Authmesh client = new();

    private string Server => mesh.Gateway.Address.GetLeftPart(UriPartial.Authority);

    [Fact]
    public async Task An_address_is_asked_for_confirmed_shown_and_removed()
    {
        var (name, address) = (ProductionMesh.NewName(), EmailCalls.NewAddress());
        Assert.Equal(200, (await mesh.Gateway.RegisterAsync(name, SessionCalls.Password)).Status);
        await SignInAsync(name, SessionCalls.Password);
        Assert.Equal("no address\n", (await client.RunAsync("email")).Output);

        Assert.Equal(
            $"We sent a link to {address}. Open it to confirm the address\n", (await client.RunAsync("email", "set", address)).Output);
        Assert.Equal($"no address\n{address}   (to be confirmed by the link in the mail)\n", (await client.RunAsync("email")).Output);
        (await client.RunAsync("email", "verify", "abcdefghijklmnopqrstuvwxyz")).AssertFailed(1, "This link does not count");
        var link = (await mesh.Mails.NextAsync(address)).Link.OriginalString;
        Assert.Equal(
            "success", (await client.RunAsync("email", "verify", link, "--json")).Document().Member("status"));

        Assert.Equal($"{address}\n", (await client.RunAsync("email")).Output);
        Assert.Contains($"\nemail     {address}\n", (await client.RunAsync("account")).Output, StringComparison.Ordinal);
        Assert.Equal("This account has no address now\n", (await client.RunAsync("email", "remove")).Output);
    }

    [Fact]
    public async Task A_registration_can_name_an_address()
    {
        var (name, address) = (ProductionMesh.NewName(), EmailCalls.NewAddress());

        Task<Finished> RegisterAsync(string email) => client.PipeAsync(
            SessionCalls.Password + "\n", "register", name, "--email", email, "--password-stdin", "--server", Server);
        (await RegisterAsync("no address")).AssertFailed(1, "email: must be an address");
        (await RegisterAsync(address)).AssertExited(0);

        await SignInAsync(name, SessionCalls.Password);
        (await client.RunAsync("email", "verify", (await mesh.Mails.NextAsync(address)).Token)).AssertExited(0);
        Assert.Equal($"{address}\n", (await client.RunAsync("email")).Output);
    }

    [Fact]
    public async Task A_forgotten_password_is_set_with_the_link_of_the_mail()
    {
        var (user, address) = (await mesh.Gateway.SignUpAsync(), EmailCalls.NewAddress());
        await mesh.Database.ProveAsync(user.UserId, address);

        (await client.RunAsync("password", "forgot", address, "--server", Server)).AssertExited(0);
        var link = (await mesh.Mails.NextAsync(address)).Link.OriginalString;
        (await client.PipeAsync($"{link}\nshort\n", "password", "reset", "--password-stdin", "--server", Server))
            .AssertFailed(1, "new_password: must be 8 to 256 characters");
        var reset = await client.PipeAsync(
            $"{link}\n{EmailCalls.NewPassword}\n", "password", "reset", "--password-stdin", "--server", Server);

        Assert.Equal(
            (0, "Password set. Sign in with it\n", $"next: authmesh login {user.Username}\n"),
            (reset.ExitCode, reset.Output, reset.Errors));
        await SignInAsync(user.Username, EmailCalls.NewPassword);
        (await client.RunAsync("password", "reset", "--server", Server)).AssertFailed(2, "Cannot ask for the password without a terminal");
    }

    [Fact]
    public async Task An_admin_invites_a_user_and_resets_a_password()
    {
        var name = ProductionMesh.NewName();
        await SignInAsync("admin", ProductionMesh.AdminPassword);

        var invited = await client.RunAsync("users", "invite", name);
        Assert.Matches($"^User {name} created. Hand out the link\nhttps://[^\n]+/invitation\\?token=[a-z2-7]{{26}}\n$", invited.Output);
        var mailed = await client.RunAsync("users", "invite", name + "-2", "--email", EmailCalls.NewAddress(), "--json");
        Assert.Null(mailed.Document().Member("link"));
        (await client.RunAsync("users", "invite", name)).AssertFailed(1, "Username already exists");

        var reset = await client.RunAsync("users", "reset-password", name);
        Assert.Matches("^Hand this link to [^\n]+\nhttps://[^\n]+/reset\\?token=[a-z2-7]{26}\n$", reset.Output);
    }

    public void Dispose() => client.Dispose();

    private async Task SignInAsync(string name, string password) =>
        (await client.PipeAsync(password + "\n", "login", name, "--password-stdin", "--server", Server)).AssertExited(0);
}
