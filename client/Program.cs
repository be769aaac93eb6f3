using System.CommandLine;
using System.CommandLine.Invocation;
using AuthMesh.Client.Accounts;
using AuthMesh.Client.ApiKeys;
using AuthMesh.Client.Applications;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Completion;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Passkeys;
using AuthMesh.Client.SecondFactor;
using AuthMesh.Client.Sessions;
using AuthMesh.Client.Terminal;
using AuthMesh.Client.Tour;
using AuthMesh.Client.Users;

var root = new RootCommand("Signs you in to an AuthMesh server and shows what your token opens.")
{
    GlobalOptions.Server,
    GlobalOptions.Json,
    Register.Define(),
    Login.Define(),
    Logout.Define(),
    WhoAmI.Define(),
    Protected.Define(),
    Admin.Define(),
    ListSessions.Define(),
    Account.Define(),
    Email.Define(),
    ChangePassword.Define(),
    TotpCommands.Define(),
    TotpCommands.DefineRecoveryCodes(),
    ListPasskeys.Define(),
    ListKeys.Define(),
    ListUsers.Define(),
    ListApplications.Define(),
    TakeTour.Define(),
    PrintCompletion.Define(),
};
HelpFooter.AddTo(root);

StandardStreams.Prepare();
try
{
    return await RunAsync();
}
catch (Exception exception) when (exception is IOException or UnauthorizedAccessException) // the second if it is open for reading only
{
    Console.Error.WriteLine($"authmesh: Standard output cannot be written: {exception.GetBaseException().Message}");
    Console.Error.WriteLine("hint: the server may have carried out the command; check before you repeat it");
    return ExitCode.Usage;
}

async Task<int> RunAsync()
{
    // A username may begin with '@', so "@name" must not be taken for a file of arguments.
    var grammar = new ParserConfiguration { ResponseFileTokenReplacer = null };
    var parsed = root.Parse(args is [] ? ["--help"] : args, grammar);
    var output = new Output(parsed.GetValue(GlobalOptions.Json));

    try
    {
        if (parsed.Action is ParseErrorAction)
        {
            throw CommandFailure.Usage(parsed.Errors[^1].Message, $"{HelpFooter.CommandPath(parsed)} --help");
        }

        return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
    }
    catch (CommandFailure failure)
    {
        output.Fail(failure);
        return failure.ExitCode;
    }
    catch (OperationCanceledException)
    {
        return ExitCode.Cancelled;
    }
}
