// A phone of sip.js in a page. What it can do is window.phone; what it sends and gets is in window.trace.
import { Inviter, Messager, Registerer, RegistererState, SessionState, Subscriber, UserAgent } from './sip.js/index.js';

const DOMAIN = 'sip.example.com';
const uri = (user) => UserAgent.makeURI(`sip:${user}@${DOMAIN}`);
let agent;
let session;

window.trace = '';

function follow(next) {
  session = next;
  next.stateChange.addListener((state) => (window.trace += `\n# ${state}\n`));
  next.delegate = {
    onRefer: (referral) => void referral.accept().then(() => invite(referral.makeInviter())),
  };
}

async function invite(inviter) {
  follow(inviter);
  await inviter.invite();
}

window.phone = {
  async begin({ user, password, server }) {
    agent = new UserAgent({
      uri: uri(user),
      authorizationUsername: user,
      authorizationPassword: password,
      transportOptions: { server, traceSip: true },
      sessionDescriptionHandlerFactoryOptions: {
        iceGatheringTimeout: 500,
        peerConnectionConfiguration: { iceServers: [] },
      },
      logBuiltinEnabled: false,
      logConnector: (_level, _category, _label, content) => (window.trace += `\n${content.replaceAll('\r\n', '\n')}\n`),
      delegate: {
        onInvite: (invitation) => {
          follow(invitation);
          window.trace += '\n# rings\n';
        },
        onMessage: (message) => {
          window.trace += `\n# message ${message.request.body}\n`;
          void message.accept();
        },
      },
    });
    await agent.start();
    const registerer = new Registerer(agent);
    registerer.stateChange.addListener((state) => {
      if (state === RegistererState.Registered) window.trace += '\n# registered\n';
    });
    await registerer.register();
  },
  dial: async (user) => invite(new Inviter(agent, uri(user))),
  answer: async () => session.accept(),
  refuse: async () => session.reject({ statusCode: 486 }),
  hold: async (hold) => session.invite({ sessionDescriptionHandlerOptions: { hold } }),
  async transfer(user) {
    await session.refer(uri(user), {
      onNotify: (notification) => {
        window.trace += `\n# notified ${notification.request.body}\n`;
        void notification.accept();
      },
    });
  },
  async hangUp() {
    if (session.state === SessionState.Established) await session.bye();
    else await session.cancel();
  },
  message: async (user, text) => new Messager(agent, uri(user), text).message(),
  async watch(user) {
    const subscriber = new Subscriber(agent, uri(user), 'presence', { extraHeaders: ['Accept: application/pidf+xml'] });
    subscriber.delegate = {
      onNotify: (notification) => {
        window.trace += `\n# notified ${notification.request.body}\n`;
        void notification.accept();
      },
    };
    await subscriber.subscribe();
  },
};
