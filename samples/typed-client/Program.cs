using Accounts;
using Accounts.Models;
using AuthMesh.Samples.TypedClient;
using Microsoft.Kiota.Abstractions.Authentication;
using Microsoft.Kiota.Http.HttpClientLibrary;

// typed-client ADDRESS NAME PASSWORD: signs in, lists where the account is signed in, signs out, and is refused.
if (args is not [var address, var name, var password])
{
    Console.Error.WriteLine("Usage: typed-client ADDRESS NAME PASSWORD");
    return 2;
}

var token = new KeptToken();
using var adapter = new HttpClientRequestAdapter(new BaseBearerTokenAuthenticationProvider(token)) { BaseUrl = address };
var mesh = new AccountsClient(adapter);
try
{
    var signedIn = await mesh.Login.PostAsync(new LoginRequest { Username = name, Password = password });
    token.Value = signedIn!.Token;
    Console.WriteLine(signedIn.Message);

    var listed = await mesh.Account.Sessions.GetAsync();
    foreach (var session in listed!.Sessions!)
    {
        Console.WriteLine($"Signed in since {session.CreatedAt:u} from {session.Network}");
    }

    Console.WriteLine((await mesh.Logout.PostAsync(new LogoutRequest()))!.Message);
    await mesh.Account.Sessions.GetAsync(); // the token opens nothing any more
    return 0;
}
catch (Error error)
{
    Console.Error.WriteLine($"{error.ResponseStatusCode} {error.Code}: {error.Message}");
    return 1;
}
catch (HttpRequestException exception)
{
    Console.Error.WriteLine($"{address} does not answer: {exception.Message}");
    return 1;
}
